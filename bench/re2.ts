/** RE2 and abseil: what a miss costs, file by file, and a warm build of all of them. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { HGBUILD } from '../test/bed/environment.ts';
import { runOk } from '../test/bed/run.ts';
import { fetchRe2 } from '../test/bed/sources.ts';
import { isCompilerOutput, readTree, treeDifferences } from '../test/bed/tree.ts';
import { putAside } from './aside.ts';
import { barsOf } from './bars.ts';
import { type Contest, letFilesAge, openContest, ours, peer } from './contest.ts';
import { type Pair, sum, totals } from './figures.ts';
import type { Cost } from './runner.ts';
import { canHave, type Stage } from './stage.ts';
import { aboveStub, type Cacher, cachersOf, stubCompiler, wallOf, warmRounds } from './warm.ts';

const MAKEFILE = join(import.meta.dirname, '../demo/Makefile');
const JOBS = `-j${availableParallelism()}`;
/** Of RE2's 183, evenly taken: each is compiled three times, one at a time. */
const FILES = 92;
const QUICK_FILES = 12;
const ROUNDS = 16;
const QUICK_ROUNDS = 4;
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
  const makeArgs = ['-f', MAKEFILE, 'objects', `FILES=${contest.quick ? QUICK_FILES : FILES}`];
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

const sampleOf = ({ calls }: Place): string => `${calls.length} of RE2's files`;

/**
 * Every file once by each, all misses, the agent's start and the storing after the launcher has gone included. Fills
 * both caches for {@link warmBuild}.
 */
async function misses(stage: Stage, contest: Contest, place: Place): Promise<void> {
  await letFilesAge();
  // The first run of each reads the compiler from the disk; another file than those measured.
  await contest.runner.run([{ argv: ['g++', '-E', '-x', 'c++', '/dev/null'], cwd: place.directory }]);
  contest.runner.watch(await contest.agentPid(), REST_MS);
  contest.say(`a miss: ${sampleOf(place)}, each plain, ours and ccache`);
  const before = await contest.bed.stats();
  const costs = await compileThrice(contest, place);
  contest.runner.watch(0, 0);
  const after = await contest.bed.stats();
  if (after.local - before.local !== costs.length)
    throw new Error(`${after.local - before.local} misses of ${costs.length} files`);
  const agentMs = await contest.agentCpuMs();
  const unpaired = agentMs - sum(costs.map((cost) => cost.ours.watchedMs));
  const mine: Pair[] = costs.map(({ ours, plain }) => ({ ours: ours.cpuMs + ours.watchedMs, peer: plain.cpuMs }));
  const beside = [{ who: 'ccache', value: sum(costs.map(({ ccache }) => ccache.cpuMs)) }];
  const note = `${sampleOf(place)}; the agent used ${(agentMs / costs.length).toFixed(1)} ms CPU per miss`;
  stage.found('re2 miss', totals(mine, { identical: identicalFiles(place, 'ours'), beside, note }, unpaired));
}

/** How each builds all objects; each build gives way to the next one's. */
function builderOf(contest: Contest, { directory, makeArgs }: Place): (who: Cacher, keepAs?: string) => Promise<Cost> {
  const stub = `CXX=${stubCompiler(contest)}`;
  const calls: Readonly<Record<Cacher, readonly string[]>> = {
    ours: [HGBUILD, '--quiet', 'make', JOBS, ...makeArgs],
    ccache: ['make', JOBS, ...makeArgs, 'CXX=ccache g++'],
    sccache: ['make', JOBS, ...makeArgs, 'CXX=sccache g++'],
    stub: ['env', `STUB_FROM=${join(directory, 'plain')}`, 'STUB_ELSE=g++', 'make', JOBS, ...makeArgs, stub],
  };
  const out = join(directory, 'out');
  return async (who, keepAs) => {
    putAside(contest.bed, [out]);
    const [cost] = await contest.runner.run([{ argv: calls[who], cwd: directory }]);
    if (cost === undefined) throw new Error('the runner lost a build');
    if (keepAs !== undefined) cpSync(out, join(directory, keepAs), { recursive: true });
    return cost;
  };
}

/** All objects of RE2 from the full caches, by make. */
async function warmBuild(stage: Stage, contest: Contest, place: Place): Promise<void> {
  const { directory, calls } = place;
  const build = builderOf(contest, place);
  for (const who of cachersOf(contest)) await build(who);
  const rounds = contest.quick ? QUICK_ROUNDS : ROUNDS;
  const before = await contest.hits();
  const times = await warmRounds(contest, { name: 'RE2, objects', rounds, withStub: true, build });
  const after = await contest.hits();
  const expected = rounds * calls.length;
  if (after.ours - before.ours !== expected || after.peer - before.peer !== expected)
    throw new Error(`warm RE2: ${after.ours - before.ours} and ${after.peer - before.peer} hits, not ${expected} each`);
  await build('ours', 'warm');
  const differences = treeDifferences(
    readTree(join(directory, 'plain/out'), isCompilerOutput),
    readTree(join(directory, 'warm'), isCompilerOutput),
  );
  const files = 2 * calls.length;
  const sccache = 'lacks' in contest.sccache ? `; ${contest.sccache.lacks}` : '';
  const more = { identical: [files - differences.length, files] as const, note: `${sampleOf(place)}${sccache}` };
  stage.found('re2 objects', wallOf(times, more));
  stage.found('re2 above', aboveStub(times, more));
}

export async function re2(stage: Stage): Promise<void> {
  if (!canHave(stage, barsOf('re2'), fetchRe2)) return;
  const contest = await openContest(stage);
  const place = await layRe2(contest);
  await misses(stage, contest, place);
  await warmBuild(stage, contest, place);
}
