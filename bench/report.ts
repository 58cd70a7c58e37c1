/** The rows as text: a table for the terminal and one for the README. Pure. */
import type { Bar } from './bars.ts';
import type { Measured } from './figures.ts';
import type { Row } from './rows.ts';

const LIMIT_SIGNS = { 'at most': '<=', 'at least': '>=', below: '<' } as const;

const limitText = ({ sense, limit }: Bar): string => (sense === 'info' ? '' : `${LIMIT_SIGNS[sense]} ${limit}x`);

/** Three digits that count, without an exponent. */
function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

const withUnit = (value: number, unit: Bar['unit']): string => `${figure(value)}${unit === '/s' ? '/s' : ` ${unit}`}`;

const percent = (part: number): string => {
  const text = Math.abs(part * 100);
  return `${text < 10 ? text.toFixed(1) : text.toFixed(0)} %`;
};

export function verdictText({ verdict, margin, outcome }: Row): string {
  switch (verdict) {
    case 'met':
      return `MET, ${percent(margin ?? 0)} to spare`;
    case 'missed':
      return `MISSED by ${percent(margin ?? 0)}`;
    case 'different': {
      const [same, all] = outcome.kind === 'measured' && outcome.identical !== null ? outcome.identical : [0, 0];
      return `DIFFERENT: ${all - same} of ${all} outputs are not the plain compiler's`;
    }
    case 'info':
      return '';
    case 'absent':
      return 'could not be had';
    case 'failed':
      return 'FAILED';
  }
}

const spreadText = ({ spread: [low, high] }: Measured): string => `${low.toFixed(3)}-${high.toFixed(3)}`;

function identicalText({ identical }: Measured): string {
  if (identical === null) return '';
  const [same, all] = identical;
  return same === all ? `all ${all}` : `${same} of ${all}`;
}

function besideText({ outcome, unit }: Row): string {
  if (outcome.kind !== 'measured') return '';
  return outcome.beside.map(({ who, value }) => `${who} ${withUnit(value, unit)}`).join(', ');
}

/** A reason in a table; {@link notesOf} has all of it. */
const SHORT = 120;

function inShort(text: string): string {
  const line = text.split('\n').find((each) => each.trim() !== '') ?? '';
  return line.length <= SHORT ? line : `${line.slice(0, SHORT)}...`;
}

const TITLES = ['what', 'ours', 'peer', 'against', 'ratio', 'spread', 'runs', 'bar', '', 'identical', 'beside'];
const LEFT_ALIGNED = new Set([0, 3, 8, 9, 10]);

function cells(row: Row): string[] {
  const { work, against, outcome, unit } = row;
  if (outcome.kind !== 'measured') {
    return [work, '', '', against, '', '', '', limitText(row), verdictText(row), '', inShort(outcome.why)];
  }
  const { ours, peer, ratio, runs, spreadIs } = outcome;
  return [
    work,
    withUnit(ours, unit),
    withUnit(peer, unit),
    against,
    `${ratio.toFixed(3)}x`,
    `${spreadText(outcome)}${spreadIs === 'quartiles' ? '' : ' *'}`,
    `${runs}`,
    limitText(row),
    verdictText(row),
    identicalText(outcome),
    besideText(row),
  ];
}

export function tableOf(rows: readonly Row[]): string {
  const lines = [TITLES, ...rows.map(cells)];
  const widths = TITLES.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    LEFT_ALIGNED.has(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  const table = lines.map((line) => line.map(pad).join('  ').trimEnd());
  return [...table, 'spread: quartiles of the ratios of single pairs; *: the least and the most'].join('\n');
}

/** A line for each row of which more is to be known than the table holds: what was taken, or the whole of what went wrong. */
export function notesOf(rows: readonly Row[]): string {
  const lines = rows.map(({ work, against, outcome }) => {
    const more = outcome.kind === 'measured' ? outcome.note : outcome.why;
    return more === '' ? '' : `${work}, against ${against}: ${more}`;
  });
  return lines.filter((line) => line !== '').join('\n');
}

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function markdownCells(row: Row): string[] {
  const { work, against, outcome, unit } = row;
  const bar = escaped(limitText(row));
  if (outcome.kind !== 'measured')
    return [work, against, bar, '', '', '', `${verdictText(row)}: ${escaped(inShort(outcome.why))}`];
  const { ours, peer, ratio, runs } = outcome;
  const besides = besideText(row);
  const verdict = row.verdict === 'info' ? 'for information' : verdictText(row);
  return [
    work,
    against,
    bar,
    withUnit(ours, unit),
    `${withUnit(peer, unit)}${besides === '' ? '' : ` (${besides})`}`,
    `${ratio.toFixed(3)}x (${spreadText(outcome)}, ${runs})`,
    verdict,
  ];
}

/** The table of the README. In brackets after a ratio its spread and the number of pairs. */
export function markdownOf(rows: readonly Row[]): string {
  const titles = ['work', 'against', 'bar', 'ours', 'theirs (others)', 'ratio (spread, runs)', ''];
  const line = (words: readonly string[]): string => `| ${words.join(' | ')} |`;
  return [line(titles), `|${'---|'.repeat(titles.length)}`, ...rows.map((row) => line(markdownCells(row)))].join('\n');
}
