/** What `make simulate` prints. Pure. */
import type { Line } from './contest.ts';
import type { Cost } from './decision-cost.ts';

function table(titles: readonly string[], rows: readonly (readonly string[])[], left: ReadonlySet<number>): string {
  const all = [titles, ...rows];
  const widths = titles.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number): string =>
    left.has(column) ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return all.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

export function lineTable(lines: readonly Line[]): string {
  const [first] = lines;
  if (first === undefined) return '';
  const head = `${first.workers} workers, ${first.slots} slots, ${first.tasks} tasks ${first.jobs}; bound ${(first.boundMs / 1000).toFixed(1)} s`;
  const titles = [
    'binding',
    'rule',
    'build',
    'makespan/bound',
    'fairness',
    'declined',
    'more',
    'wasted',
    'decisions/s',
  ];
  const rows = lines.map((line) => [
    line.binding,
    line.rule,
    line.build,
    line.ratio.toFixed(3),
    line.fairness.toFixed(3),
    `${line.declined}`,
    `${line.more}`,
    `${(line.wasted * 100).toFixed(1)} %`,
    line.decisionsPerSecond.toLocaleString('en'),
  ]);
  return `${head}\n${table(titles, rows, new Set([0, 1, 2]))}`;
}

export function costTable(costs: readonly Cost[]): string {
  const titles = ['workers', 'waiting', 'us a decision', 'of it to ask', 'a second', 'to the fewest'];
  const rows = costs.map(({ workers, waiting, us, askingUs, perSecond, ratio }) => [
    `${workers}`,
    `${waiting}`,
    us.toFixed(2),
    askingUs.toFixed(2),
    perSecond.toLocaleString('en'),
    ratio.toFixed(2),
  ]);
  return table(titles, rows, new Set());
}
