/** The files of results in bench/results. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine, Versions } from './machine.ts';
import type { Row } from './rows.ts';

/** One run of `make bench`. */
export interface Results {
  /** When it began, UTC, as `2026-11-21T23:40:00Z`. */
  readonly date: string;
  readonly minutes: number;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly rows: readonly Row[];
}

export const RESULTS_DIRECTORY = join(import.meta.dirname, 'results');
const LATEST = 'latest.json';

/** Whoever reads the file while it is written finds the old one or the new one. */
export function writeJson(path: string, value: object): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

/** A whole run under its date and as the latest; any other as `partial.json`, which nobody quotes. Returns the paths. */
export function writeResults(results: Results, isWhole: boolean, directory = RESULTS_DIRECTORY): readonly string[] {
  const names = isWhole ? [`${results.date.slice(0, 10)}.json`, LATEST] : ['partial.json'];
  const paths = names.map((name) => join(directory, name));
  for (const path of paths) writeJson(path, results);
  return paths;
}

/** The newest whole run; undefined if there was none yet. */
export function readLatest(directory = RESULTS_DIRECTORY): Results | undefined {
  const path = join(directory, LATEST);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Results) : undefined;
}
