/** Hits of one file, over and over: wall time, and CPU time of launcher and agent together. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../test/bed/run.ts';
import { type Contest, letFilesAge, ours, peer } from './contest.ts';
import { type Pair, type Row, rowOfMedians, sum } from './figures.ts';
import type { Cost } from './runner.ts';

interface HitCase {
  readonly name: string;
  readonly argv: readonly string[];
  readonly outputs: readonly string[];
  readonly lay: (contest: Contest, directory: string) => Promise<void>;
  readonly rounds: number;
  readonly wallBar: number;
  /** Null: for information. */
  readonly cpuBar: number | null;
  /** Of the agent alone: what one process has to do for every core of the machine. */
  readonly agentBar: number | null;
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

export function manyHeaders(contest: Contest): Promise<Row[]> {
  return measureHits(contest, {
    name: `direct hit, ${HEADERS}-header C++ file`,
    argv: ['g++', '-O2', '-MD', '-c', 'many.cc', '-o', 'many.o'],
    outputs: ['many.o', 'many.d'],
    lay: layManyHeaders,
    rounds: contest.quick ? 60 : 600,
    wallBar: 0.35,
    cpuBar: 0.5,
    agentBar: 0.06,
  });
}

export function oneLine(contest: Contest): Promise<Row[]> {
  return measureHits(contest, {
    name: 'direct hit, one-line C file',
    argv: ['gcc', '-O2', '-c', 'one.c', '-o', 'one.o'],
    outputs: ['one.o'],
    lay: async (_contest, directory) => writeFileSync(join(directory, 'one.c'), 'int one(void) { return 1; }\n'),
    rounds: contest.quick ? 60 : 600,
    wallBar: 0.8,
    cpuBar: null,
    agentBar: null,
  });
}

async function measureHits(contest: Contest, given: HitCase): Promise<Row[]> {
  const { bed, runner } = contest;
  const cwd = contest.newDirectory(given.argv[0] === 'gcc' ? 'one-line' : 'many-headers');
  const read = (): string[] => given.outputs.map((name) => readFileSync(join(cwd, name), 'latin1'));
  const sameAsPlain = (): number => read().filter((bytes, i) => bytes === plain[i]).length;
  await given.lay(contest, cwd);
  await letFilesAge();
  await runOk(given.argv, { cwd, env: bed.env });
  const plain = read();
  const mine = { argv: ours(...given.argv), cwd };
  const other = { argv: peer(...given.argv), cwd };
  await runner.run([mine, other]);
  await bed.flush();
  // Both learn: the agent's code is compiled by then, and everything is in the page cache.
  await runner.run(Array.from({ length: 40 }, () => [mine, other]).flat());
  runner.watch(await contest.agentPid(), 0);
  const before = await contest.hits();
  contest.say(`${given.name}: ${given.rounds} rounds`);
  const pairs = await alternate(contest, mine, other, given.rounds);
  const after = await contest.hits();
  if (after.ours - before.ours !== given.rounds || after.peer - before.peer !== given.rounds)
    throw new Error(
      `${given.name}: ${after.ours - before.ours} and ${after.peer - before.peer} hits, not ${given.rounds} each`,
    );
  await runner.run([other, mine]);
  const identical = [sameAsPlain(), given.outputs.length] as const;
  return rows(given, pairs, identical);
}

type Costs = readonly { readonly ours: Cost; readonly peer: Cost }[];

async function alternate(
  { runner }: Contest,
  mine: { argv: readonly string[]; cwd: string },
  other: { argv: readonly string[]; cwd: string },
  rounds: number,
): Promise<Costs> {
  const order = Array.from({ length: rounds }, (_, i) => (i % 2 === 0 ? [mine, other] : [other, mine]));
  const costs = await runner.run(order.flat());
  return order.map(([first], i) => {
    const [one, two] = [costs[2 * i], costs[2 * i + 1]] as [Cost, Cost];
    return first === mine ? { ours: one, peer: two } : { ours: two, peer: one };
  });
}

function rows(given: HitCase, costs: Costs, identical: readonly [number, number]): Row[] {
  const wall: Pair[] = costs.map((cost) => ({ ours: cost.ours.wallMs, peer: cost.peer.wallMs }));
  // What the agent does for a hit ends a little after the launcher has gone, in the time of the next run.
  const agent = sum(costs.map((cost) => cost.ours.watchedMs + cost.peer.watchedMs)) / costs.length;
  const cpu: Pair[] = costs.map((cost) => ({ ours: cost.ours.cpuMs + agent, peer: cost.peer.cpuMs }));
  const alone: Pair[] = costs.map((cost) => ({ ours: agent, peer: cost.peer.cpuMs }));
  const head = { against: 'ccache', identical };
  return [
    rowOfMedians({ ...head, name: `${given.name}: wall`, bar: given.wallBar }, wall),
    rowOfMedians({ ...head, name: `${given.name}: CPU with agent`, bar: given.cpuBar }, cpu),
    rowOfMedians({ ...head, name: `${given.name}: CPU of the agent`, bar: given.agentBar }, alone),
  ];
}
