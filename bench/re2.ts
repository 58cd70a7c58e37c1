/** RE2 and abseil: what a miss costs, file by file, and a warm build of all of them. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { HGBUILD } from '../test/bed/environment.ts';
import { runOk } from '../test/bed/run.ts';
import { fetchRe2 } from '../test/bed/sources.ts';
import { isCompilerOutput, readTree, treeDifferences } from '../test/bed/tree.ts';
import { type Contest, letFilesAge, ours, peer } from './contest.ts';
import { median, type Pair, type Row, rowOfMedians, rowOfSums, sum } from './figures.ts';
import type { Cost } from './runner.ts';

const MAKEFILE = join(import.meta.dirname, '../demo/Makefile');
const JOBS = `-j${availableParallelism()}`;
const QUICK_FILES = 24;
/** An agent that has not worked for this long has stored what it had in hand. */
const REST_MS = 15;

type Who = 'plain' | 'ours' | 'ccache';
/** Who compiles a file first changes from file to file. */
const ORDERS: readonly (readonly Who[])[] = [
  ['plain', 'ours', 'ccache'],
  ['ours', 'plain', 'ccache'],
  ['ccache', 'plain', 'ours'],
  ['plain', 'ccache', 'ours'],
  ['ours', 'ccache', 'plain'],
  ['ccache', 'ours', 'plain'],
];
const PREFIX: Readonly<Record<Who, (...argv: readonly string[]) => readonly string[]>> = {
  plain: (...argv) => argv,
  ours,
  ccache: peer,
};

/** Where the work is done: the sources, and the results of each beside one another. */
interface Place {
  readonly directory: string;
  readonly makeArgs: readonly string[];
  /** The compiler calls as make would make them. */
  readonly calls: readonly (readonly string[])[];
}

async function layRe2(contest: Contest): Promise<Place> {
  const directory = contest.newDirectory('re2');
  cpSync(join(fetchRe2(), 'vendor'), directory, { recursive: true, preserveTimestamps: true });
  const makeArgs = ['-f', MAKEFILE, 'objects', ...(contest.quick ? [`FILES=${QUICK_FILES}`] : [])];
  const { stdout } = await runOk(['make', '-n', ...makeArgs], { cwd: directory, env: contest.bed.env });
  const calls = stdout
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('g++ '))
    .map((line) => line.split(' '));
  return { directory, makeArgs, calls };
}

const outputOf = (call: readonly string[]): string => call.at(-1) ?? '';
const depfileOf = (call: readonly string[]): string => outputOf(call).replace(/\.o$/, '.d');

/** Takes the results of one compile out of the way: all have the same names, because depfiles hold them. */
function moveAside(directory: string, call: readonly string[], who: Who): void {
  for (const path of [outputOf(call), depfileOf(call)]) {
    const to = join(directory, who, path);
    mkdirSync(dirname(to), { recursive: true });
    renameSync(join(directory, path), to);
  }
}

async function compileThrice(contest: Contest, place: Place): Promise<Record<Who, Cost>[]> {
  const { directory, calls } = place;
  const costs: Record<Who, Cost>[] = [];
  for (const [i, call] of calls.entries()) {
    mkdirSync(dirname(join(directory, outputOf(call))), { recursive: true });
    const seen: Partial<Record<Who, Cost>> = {};
    for (const who of ORDERS[i % ORDERS.length] ?? []) {
      const [cost] = await contest.runner.run([{ argv: PREFIX[who](...call), cwd: directory }]);
      if (cost !== undefined) seen[who] = cost;
      moveAside(directory, call, who);
    }
    costs.push(seen as Record<Who, Cost>);
    if ((i + 1) % 20 === 0) contest.say(`a miss on RE2: ${i + 1} of ${calls.length} files`);
  }
  return costs;
}

function identicalFiles({ directory, calls }: Place, mine: string): readonly [number, number] {
  const paths = calls.flatMap((call) => [outputOf(call), depfileOf(call)]);
  const bytes = (who: string, path: string): string | undefined => {
    const at = join(directory, who, path);
    return existsSync(at) ? readFileSync(at, 'latin1') : undefined;
  };
  const same = paths.filter((path) => bytes('plain', path) !== undefined && bytes('plain', path) === bytes(mine, path));
  return [same.length, paths.length];
}

/**
 * Every file once by each, all misses, the agent's start and the storing after the launcher has gone included. Fills
 * both caches for {@link warmBuild}.
 */
export async function misses(contest: Contest, place: Place): Promise<Row[]> {
  await letFilesAge();
  // The first run of each reads the compiler from the disk; another file than those measured.
  await contest.runner.run([{ argv: ['g++', '-E', '-x', 'c++', '/dev/null'], cwd: place.directory }]);
  contest.runner.watch(await contest.agentPid(), REST_MS);
  contest.say(`a miss on RE2: ${place.calls.length} files, each plain, ours and ccache`);
  const before = await contest.bed.stats();
  const costs = await compileThrice(contest, place);
  contest.runner.watch(0, 0);
  const after = await contest.bed.stats();
  if (after.local - before.local !== costs.length)
    throw new Error(`${after.local - before.local} misses of ${costs.length} files`);
  const agentMs = await contest.agentCpuMs();
  const unpaired = agentMs - sum(costs.map((cost) => cost.ours.watchedMs));
  contest.say(`the agent used ${(agentMs / costs.length).toFixed(1)} ms CPU per miss`);
  const mine: Pair[] = costs.map(({ ours, plain }) => ({ ours: ours.cpuMs + ours.watchedMs, peer: plain.cpuMs }));
  const theirs: Pair[] = costs.map(({ ccache, plain }) => ({ ours: ccache.cpuMs, peer: plain.cpuMs }));
  return [
    rowOfSums(
      { name: 'miss on RE2: CPU with agent', against: 'plain', bar: 1.02, identical: identicalFiles(place, 'ours') },
      mine,
      unpaired,
    ),
    rowOfSums(
      {
        name: "miss on RE2: CPU, ccache's own",
        against: 'plain',
        bar: null,
        identical: identicalFiles(place, 'ccache'),
      },
      theirs,
    ),
  ];
}

/** A compiler that copies what was made before: the floor under every cache. Its path. */
function stubCompiler({ bed }: Contest): string {
  const path = join(bed.root, 'stub');
  execFileSync('cc', ['-O2', '-static', '-o', path, join(import.meta.dirname, 'stub.c')]);
  return path;
}

/** All objects of RE2 from the full caches, by make. */
export async function warmBuild(contest: Contest, place: Place): Promise<Row[]> {
  const { directory, makeArgs } = place;
  const mine = [HGBUILD, '--quiet', 'make', JOBS, ...makeArgs];
  const other = ['make', JOBS, ...makeArgs, 'CXX=ccache g++'];
  const stub = [
    'env',
    `STUB_FROM=${join(directory, 'plain')}`,
    'make',
    JOBS,
    ...makeArgs,
    `CXX=${stubCompiler(contest)}`,
  ];
  let parked = 0;
  const build = async (argv: readonly string[], to?: string): Promise<Cost> => {
    const out = join(directory, 'out');
    // Renamed and not removed: deleting hundreds of files just before slows the file system down.
    if (existsSync(out)) renameSync(out, join(directory, `parked-${++parked}`));
    const [cost] = await contest.runner.run([{ argv, cwd: directory }]);
    if (to !== undefined) renameSync(out, join(directory, to));
    return cost as Cost;
  };
  await build(mine);
  await build(other);
  const rounds = contest.quick ? 4 : 16;
  contest.say(`warm build of RE2's objects: ${rounds} rounds`);
  const before = await contest.hits();
  const pairs: Pair[] = [];
  const floors: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    floors.push((await build(stub)).wallMs);
    const last = i === rounds - 1 ? 'warm' : undefined;
    const first = i % 2 === 0 ? await build(mine, last) : await build(other);
    const second = i % 2 === 0 ? await build(other) : await build(mine, last);
    pairs.push(i % 2 === 0 ? { ours: first.wallMs, peer: second.wallMs } : { ours: second.wallMs, peer: first.wallMs });
  }
  const after = await contest.hits();
  const expected = rounds * place.calls.length;
  if (after.ours - before.ours !== expected || after.peer - before.peer !== expected)
    throw new Error(`warm RE2: ${after.ours - before.ours} and ${after.peer - before.peer} hits, not ${expected} each`);
  const differences = treeDifferences(
    readTree(join(directory, 'plain/out'), isCompilerOutput),
    readTree(join(directory, 'warm'), isCompilerOutput),
  );
  const files = 2 * place.calls.length;
  const head = { against: 'ccache', identical: [files - differences.length, files] as const };
  const floor = median(floors);
  const above = pairs.map(({ ours, peer }) => ({ ours: ours - floor, peer: peer - floor }));
  return [
    rowOfMedians({ ...head, name: 'warm hgbuild make of RE2, objects: wall', bar: 1 }, pairs),
    rowOfMedians({ ...head, name: 'warm hgbuild make of RE2, objects: wall above a stub compiler', bar: 0.6 }, above),
  ];
}

export async function re2(contest: Contest): Promise<Row[]> {
  const place = await layRe2(contest);
  return [...(await misses(contest, place)), ...(await warmBuild(contest, place))];
}
