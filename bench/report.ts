/** The table on the terminal and the file of results. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Row } from './figures.ts';

const isSame = ({ identical: [same, all] }: Row): boolean => same === all && all > 0;

function cells(row: Row): string[] {
  const [same, all] = row.identical;
  return [
    row.name,
    `${row.ours.toFixed(2)} ms`,
    `${row.peer.toFixed(2)} ms`,
    row.against,
    row.ratio.toFixed(3),
    `${row.spread[0].toFixed(2)}-${row.spread[1].toFixed(2)}`,
    row.bar === null ? '' : `<= ${row.bar}`,
    row.pass === null ? 'info' : row.pass ? 'pass' : 'MISSED',
    isSame(row) ? `yes (${all})` : `NO (${same} of ${all})`,
    `${row.pairs}`,
  ];
}

const TITLES = ['what', 'ours', 'peer', 'against', 'ratio', 'quartiles', 'bar', '', 'identical', 'pairs'];

export function tableOf(rows: readonly Row[]): string {
  const lines = [TITLES, ...rows.map(cells)];
  const widths = TITLES.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const left = new Set([0, 3, 7, 8]);
  return lines
    .map((line) =>
      line
        .map((cell, i) => (left.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Nothing differs from the plain compiler's, and every bar was kept. */
export function isGood(rows: readonly Row[]): boolean {
  return rows.every((row) => isSame(row) && row.pass !== false);
}

/** Whoever reads the file while it is written finds the old one or the new one. */
export function writeResults(path: string, rows: readonly Row[]): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(rows, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}
