/** A warm build of redis, whole and objects only. */
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { HGBUILD } from '../test/bed/environment.ts';
import { runOk } from '../test/bed/run.ts';
import { copySource, fetchDebianSource } from '../test/bed/sources.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from '../test/bed/tree.ts';
import { putAside } from './aside.ts';
import { barsOf } from './bars.ts';
import { type Contest, letFilesAge, openContest } from './contest.ts';
import { canHave, type Stage } from './stage.ts';
import { aboveStub, type Cacher, cachersOf, stubCompiler, type WarmTimes, wallOf, warmRounds } from './warm.ts';

const MAKE = ['make', `-j${availableParallelism()}`, 'MALLOC=libc'];
const ROUNDS = 12;
const QUICK_ROUNDS = 2;
/** For a quick look, of 100: the libraries that redis carries are made with them. */
const QUICK_OBJECTS = 30;

/** The tree of redis, built once by the plain compiler, and how each of the others builds it. */
interface Place {
  readonly top: string;
  readonly plain: Tree;
  readonly calls: Readonly<Record<Cacher, readonly string[]>>;
  /** Outputs that were compared so far, and those that differed. */
  readonly seen: { compared: number; different: number };
}

interface Case {
  readonly name: string;
  readonly cwd: string;
  /** What is to be made; nothing: everything. */
  readonly targets: readonly string[];
  readonly withStub: boolean;
  /** Undoes the last build. */
  readonly clean: () => Promise<void>;
}

/** What deleting a few hundred files leaves to the file system would otherwise be paid by the build after it. */
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500));

/** Objects and depfiles that the plain compiler made, for the stub. */
function keepObjects(contest: Contest, from: string): string {
  const to = join(contest.bed.root, 'made');
  mkdirSync(to);
  for (const name of readdirSync(from)) if (isCompilerOutput(name)) cpSync(join(from, name), join(to, name));
  return to;
}

function measure(contest: Contest, place: Place, given: Case): Promise<WarmTimes> {
  return warmRounds(contest, {
    name: given.name,
    rounds: contest.quick ? QUICK_ROUNDS : ROUNDS,
    withStub: given.withStub,
    async build(who) {
      await given.clean();
      await rest();
      const [cost] = await contest.runner.run([{ argv: [...place.calls[who], ...given.targets], cwd: given.cwd }]);
      if (cost === undefined) throw new Error('the runner lost a build');
      if (who === 'ours') compare(contest, place);
      return cost;
    },
  });
}

function compare(contest: Contest, { top, plain, seen }: Place): void {
  const differences = treeDifferences(plain, readTree(top, isCompilerOutput));
  for (const difference of differences.slice(0, 10)) contest.say(difference);
  seen.compared += plain.size;
  seen.different += differences.length;
}

/** What make is asked for, and where. */
type Goal = Pick<Case, 'cwd' | 'targets'>;

function goalOf({ quick }: Contest, top: string): Goal {
  if (!quick) return { cwd: top, targets: [] };
  const src = join(top, 'src');
  // Those of the event loop are included by ae.c.
  const sources = readdirSync(src).filter((name) => name.endsWith('.c') && !name.startsWith('ae_'));
  const targets = sources.sort().map((name) => name.replace(/c$/, 'o'));
  return { cwd: src, targets: targets.slice(0, QUICK_OBJECTS) };
}

async function fill(contest: Contest, { calls }: Place, goal: Goal, distclean: () => Promise<void>): Promise<void> {
  contest.say('redis: filling the caches');
  // Ours and ccache's know more of the tree after a second build.
  const again = contest.quick ? [] : (['ours', 'ccache'] as const);
  for (const who of [...cachersOf(contest), ...again]) {
    await distclean();
    await contest.runner.run([{ argv: [...calls[who], ...goal.targets], cwd: goal.cwd }]);
  }
}

function lay(contest: Contest, top: string): Place['calls'] {
  copySource('redis', top);
  const stub = stubCompiler(contest);
  return {
    ours: [HGBUILD, '--quiet', ...MAKE],
    ccache: [...MAKE, 'CC=ccache cc'],
    sccache: [...MAKE, 'CC=sccache cc'],
    stub: ['env', `STUB_FROM=${join(contest.bed.root, 'made')}`, 'STUB_ELSE=cc', ...MAKE, `CC=${stub}`],
  };
}

async function warmBuilds(stage: Stage, contest: Contest): Promise<void> {
  const { env } = contest.bed;
  const top = join(contest.bed.work, 'redis');
  const src = join(top, 'src');
  const calls = lay(contest, top);
  await letFilesAge();
  const distclean = async (): Promise<void> => void (await runOk(['make', 'distclean'], { cwd: top, env }));
  const goal = goalOf(contest, top);
  await runOk([...MAKE, ...goal.targets], { cwd: goal.cwd, env });
  keepObjects(contest, src);
  const place = { top, plain: readTree(top, isCompilerOutput), calls, seen: { compared: 0, different: 0 } };
  await fill(contest, place, goal, distclean);
  const objects = readdirSync(src).filter((name) => name.endsWith('.o'));
  const paths = objects.map((name) => join(src, name));
  const clean = async (): Promise<void> => putAside(contest.bed, paths);
  const more = (): { identical: readonly [number, number]; note: string } => ({
    identical: [place.seen.compared - place.seen.different, place.seen.compared],
    note: [
      ...(contest.quick ? [`${QUICK_OBJECTS} of its objects, and no links`] : []),
      ...('lacks' in contest.sccache ? [contest.sccache.lacks] : []),
    ].join('; '),
  });
  // The objects first: they need the generated files of the whole build that was just made.
  const only = { name: 'redis, objects', cwd: src, targets: objects, withStub: true, clean };
  const times = await measure(contest, place, only);
  stage.found('redis objects', wallOf(times, more()));
  stage.found('redis above', aboveStub(times, more()));
  const whole = { name: 'redis, whole', ...goal, withStub: false, clean: distclean };
  stage.found('redis whole', wallOf(await measure(contest, place, whole), more()));
}

export async function redis(stage: Stage): Promise<void> {
  if (!canHave(stage, barsOf('redis'), () => fetchDebianSource('redis'))) return;
  await warmBuilds(stage, await openContest(stage));
}
