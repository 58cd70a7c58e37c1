/** Hits of one file, over and over: wall time, and CPU time of launcher and agent together. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../test/bed/run.ts';
import { type Contest, letFilesAge, openContest, ours, peer, sccached } from './contest.ts';
import { type Beside, median, medians, type Pair, sum } from './figures.ts';
import { byHyperfine } from './hyperfine.ts';
import type { Command, Cost } from './runner.ts';
import type { Stage } from './stage.ts';

interface HitCase {
  readonly name: 'many-headers' | 'one-line';
  readonly argv: readonly string[];
  readonly outputs: readonly string[];
  readonly lay: (contest: Contest, directory: string) => Promise<void>;
}

const HEADERS = 250;
/** Together they bring some 200 headers of libstdc++, glibc and gcc. */
const STANDARD = 'algorithm functional iostream map regex string unordered_map vector';

/** A C++ file that reads exactly 250 headers: the standard library's, and as many of its own as are missing. */
async function layManyHeaders({ bed }: Contest, directory: string): Promise<void> {
  const lines = STANDARD.split(' ').map((name) => `#include <${name}>`);
  const source = join(directory, 'many.cc');
  const write = (own: readonly string[]): void =>
    writeFileSync(
      source,
      [...lines, ...own, 'int main() { std::regex r("a+"); return std::regex_match("aa", r); }', ''].join('\n'),
    );
  const count = async (): Promise<number> => {
    const { stdout } = await runOk(['g++', '-M', 'many.cc'], { cwd: directory, env: bed.env });
    return (
      stdout
        .toString()
        .split(/[\s\\]+/)
        .filter((word) => word !== '' && !word.endsWith(':')).length - 1
    );
  };
  write([]);
  const missing = Math.max(0, HEADERS - (await count()));
  const own = Array.from({ length: missing }, (_, i) => `own${i}.h`);
  for (const [i, name] of own.entries())
    writeFileSync(join(directory, name), `#pragma once\ninline int own${i}() { return ${i}; }\n`);
  write(own.map((name) => `#include "${name}"`));
  const found = await count();
  if (found !== HEADERS) throw new Error(`the C++ file reads ${found} headers, not ${HEADERS}`);
}

export function manyHeaders(stage: Stage): Promise<void> {
  return measureHits(stage, {
    name: 'many-headers',
    argv: ['g++', '-O2', '-MD', '-c', 'many.cc', '-o', 'many.o'],
    outputs: ['many.o', 'many.d'],
    lay: layManyHeaders,
  });
}

export function oneLine(stage: Stage): Promise<void> {
  return measureHits(stage, {
    name: 'one-line',
    argv: ['gcc', '-O2', '-c', 'one.c', '-o', 'one.o'],
    outputs: ['one.o'],
    lay: async (_contest, directory) => writeFileSync(join(directory, 'one.c'), 'int one(void) { return 1; }\n'),
  });
}

const ROUNDS = 600;
const QUICK_ROUNDS = 60;
/** Of sccache, which preprocesses for every hit. */
const SCCACHE_ROUNDS = 60;
const QUICK_SCCACHE_ROUNDS = 10;
/** Until everything is in the page cache. */
const LEARNING_ROUNDS = 40;
/**
 * Hits until V8 has compiled the agent's code; a machine with 64 cores makes as many in a second or two. Before, one takes
 * a third more.
 */
const HEATING_ROUNDS = 2_000;
const QUICK_HEATING_ROUNDS = 200;

async function measureHits(stage: Stage, given: HitCase): Promise<void> {
  const contest = await openContest(stage);
  const { bed, runner } = contest;
  const cwd = contest.newDirectory(given.name);
  const read = (): string[] => given.outputs.map((name) => readFileSync(join(cwd, name), 'latin1'));
  await given.lay(contest, cwd);
  await letFilesAge();
  await runOk(given.argv, { cwd, env: bed.env });
  const plain = read();
  const mine = { argv: ours(...given.argv), cwd };
  const other = { argv: peer(...given.argv), cwd };
  await runner.run([mine, other]);
  await bed.flush();
  await runner.run(Array.from({ length: LEARNING_ROUNDS }, () => [mine, other]).flat());
  const heating = contest.quick ? QUICK_HEATING_ROUNDS : HEATING_ROUNDS;
  await runner.run(Array.from({ length: heating }, () => mine));
  runner.watch(await contest.agentPid(), 0);
  const rounds = contest.quick ? QUICK_ROUNDS : ROUNDS;
  const before = await contest.hits();
  contest.say(`${given.name}: ${rounds} rounds`);
  const costs = await alternate(contest, mine, other, rounds);
  const after = await contest.hits();
  if (after.ours - before.ours !== rounds || after.peer - before.peer !== rounds)
    throw new Error(
      `${given.name}: ${after.ours - before.ours} and ${after.peer - before.peer} hits, not ${rounds} each`,
    );
  const beside = await sccacheHit(contest, given, cwd);
  await runner.run([other, mine]);
  const identical = [read().filter((bytes, i) => bytes === plain[i]).length, given.outputs.length] as const;
  const clock = await byHyperfine(mine.argv, other.argv, cwd, bed.env);
  const notes = [clock, beside.note].filter((text) => text !== undefined).join('; ');
  report(stage, given, costs, { identical, beside: beside.rows, note: notes });
}

/** The median of some hits by sccache, or why there are none. */
async function sccacheHit(
  { sccache, runner, quick }: Contest,
  { argv }: HitCase,
  cwd: string,
): Promise<{ readonly rows: readonly Beside[]; readonly note?: string }> {
  if ('lacks' in sccache) return { rows: [], note: sccache.lacks };
  const rounds = quick ? QUICK_SCCACHE_ROUNDS : SCCACHE_ROUNDS;
  const command = { argv: sccached(...argv), cwd };
  await runner.run([command, command]);
  const before = await sccache.hits();
  const costs = await runner.run(Array.from({ length: rounds }, () => command));
  const hits = (await sccache.hits()) - before;
  if (hits !== rounds) return { rows: [], note: `sccache had ${hits} hits of ${rounds}` };
  return { rows: [{ who: 'sccache', value: median(costs.map(({ wallMs }) => wallMs)) }] };
}

type Costs = readonly { readonly ours: Cost; readonly peer: Cost }[];

async function alternate({ runner }: Contest, mine: Command, other: Command, rounds: number): Promise<Costs> {
  const order = Array.from({ length: rounds }, (_, i) => (i % 2 === 0 ? [mine, other] : [other, mine]));
  const costs = await runner.run(order.flat());
  return order.map(([first], i) => {
    const [one, two] = [costs[2 * i], costs[2 * i + 1]] as [Cost, Cost];
    return first === mine ? { ours: one, peer: two } : { ours: two, peer: one };
  });
}

interface Besides {
  readonly identical: readonly [number, number];
  readonly beside: readonly Beside[];
  readonly note: string;
}

function report({ found }: Stage, { name }: HitCase, costs: Costs, { identical, beside, note }: Besides): void {
  const wall: Pair[] = costs.map((cost) => ({ ours: cost.ours.wallMs, peer: cost.peer.wallMs }));
  // What the agent does for a hit ends a little after the launcher has gone, in the time of the next run.
  const agent = sum(costs.map((cost) => cost.ours.watchedMs + cost.peer.watchedMs)) / costs.length;
  const cpu: Pair[] = costs.map((cost) => ({ ours: cost.ours.cpuMs + agent, peer: cost.peer.cpuMs }));
  const alone: Pair[] = costs.map((cost) => ({ ours: agent, peer: cost.peer.cpuMs }));
  found(`${name} wall`, medians(wall, { identical, beside, note }));
  found(`${name} cpu`, medians(cpu, { identical }));
  if (name === 'many-headers') found('many-headers agent', medians(alone, { identical }));
}
