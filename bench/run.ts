/**
 * `make bench`: Hybridgrid beside ccache and the plain compiler, in one run on one machine, alternated, with medians of
 * paired ratios. Prints a table and writes bench/results/latest.json. `node bench/run.ts [--quick] [ROW...]`: fewer
 * rounds and files, only some rows (many-headers, one-line, re2, redis); then the results go to bench/results/partial.json.
 * Exit status 0: every bar kept, every output identical; 1: not so; 2: something is missing here.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findSource } from '../test/bed/sources.ts';
import { type Contest, openContest } from './contest.ts';
import type { Row } from './figures.ts';
import { manyHeaders, oneLine } from './hits.ts';
import { re2 } from './re2.ts';
import { redis } from './redis.ts';
import { isGood, tableOf, writeResults } from './report.ts';

const ROWS: Readonly<Record<string, (contest: Contest) => Promise<Row[]>>> = {
  'many-headers': manyHeaders,
  'one-line': oneLine,
  redis,
  re2,
};

interface Asked {
  readonly quick: boolean;
  readonly names: readonly string[];
}

function readArguments(args: readonly string[]): Asked {
  const names = args.filter((arg) => arg !== '--quick');
  const unknown = names.find((name) => !Object.hasOwn(ROWS, name));
  if (unknown !== undefined) fail(`no row named ${unknown}; known: ${Object.keys(ROWS).join(', ')}`);
  return { quick: args.includes('--quick'), names: names.length === 0 ? Object.keys(ROWS) : names };
}

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}

/** What the rows need and this machine lacks. */
function missing({ names }: Asked): string | undefined {
  if (spawnSync('ccache', ['--version']).status !== 0)
    return 'there is no ccache to compare with: install it (Debian: apt-get install ccache)';
  if (names.includes('redis') && findSource('redis') === undefined)
    return 'the source of redis is not there: run `make sources`, or leave that row out (node bench/run.ts many-headers one-line re2)';
  return undefined;
}

const contests: Contest[] = [];

/**
 * Each with an agent and caches of its own. What they leave is removed when all is over: ext4 is slow to make files just
 * after many were deleted.
 */
async function measure({ names, quick }: Asked): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of names) {
    const contest = openContest(quick, (text) => console.log(text));
    contests.push(contest);
    rows.push(...((await ROWS[name]?.(contest)) ?? []));
    await contest.stop();
  }
  return rows;
}

async function removeAll(): Promise<void> {
  for (const contest of contests.splice(0)) await contest.end();
}

const asked = readArguments(process.argv.slice(2));
const lack = missing(asked);
if (lack !== undefined) fail(lack);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    removeAll().finally(() => process.kill(process.pid, signal));
  });
}
try {
  const rows = await measure(asked);
  const whole = !asked.quick && asked.names.length === Object.keys(ROWS).length;
  const path = join(import.meta.dirname, 'results', whole ? 'latest.json' : 'partial.json');
  writeResults(path, rows);
  console.log(`\n${tableOf(rows)}\n\nwritten to ${path}`);
  process.exitCode = isGood(rows) ? 0 : 1;
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await removeAll();
}
