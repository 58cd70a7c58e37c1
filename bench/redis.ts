/** A warm build of redis, whole and objects only. */
import { readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { HGBUILD } from '../test/bed/environment.ts';
import { runOk } from '../test/bed/run.ts';
import { copySource } from '../test/bed/sources.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from '../test/bed/tree.ts';
import { type Contest, letFilesAge } from './contest.ts';
import { type Pair, type Row, rowOfMedians } from './figures.ts';
import type { Cost } from './runner.ts';

const MAKE = ['make', `-j${availableParallelism()}`, 'MALLOC=libc'];
const MINE = [HGBUILD, '--quiet', ...MAKE];
const OTHER = [...MAKE, 'CC=ccache cc'];

interface Case {
  readonly name: string;
  readonly cwd: string;
  /** What is to be made; nothing: everything. */
  readonly targets: readonly string[];
  readonly rounds: number;
  /** Undoes the last build. */
  readonly clean: () => Promise<void>;
}

/** What deleting a few hundred files leaves to the file system would otherwise be paid by the build after it. */
const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500));

async function measure(contest: Contest, given: Case, top: string, plain: Tree): Promise<Row> {
  const build = async (argv: readonly string[]): Promise<Cost> => {
    await given.clean();
    await rest();
    const [cost] = await contest.runner.run([{ argv: [...argv, ...given.targets], cwd: given.cwd }]);
    return cost as Cost;
  };
  contest.say(`${given.name}: ${given.rounds} rounds`);
  const pairs: Pair[] = [];
  let differences: string[] = [];
  for (let i = 0; i < given.rounds; i += 1) {
    if (i % 2 === 0) {
      const mine = await build(MINE);
      differences = [...differences, ...treeDifferences(plain, readTree(top, isCompilerOutput))];
      pairs.push({ ours: mine.wallMs, peer: (await build(OTHER)).wallMs });
    } else {
      const other = await build(OTHER);
      pairs.push({ ours: (await build(MINE)).wallMs, peer: other.wallMs });
    }
  }
  for (const difference of differences.slice(0, 10)) contest.say(difference);
  const compared = plain.size * Math.ceil(given.rounds / 2);
  return rowOfMedians(
    { name: `${given.name}: wall`, against: 'ccache', bar: 1, identical: [compared - differences.length, compared] },
    pairs,
  );
}

export async function redis(contest: Contest): Promise<Row[]> {
  const { env } = contest.bed;
  const top = join(contest.bed.work, 'redis');
  copySource('redis', top);
  await letFilesAge();
  const distclean = async (): Promise<void> => void (await runOk(['make', 'distclean'], { cwd: top, env }));
  contest.say('redis: filling both caches');
  await runOk(MAKE, { cwd: top, env });
  const plain = readTree(top, isCompilerOutput);
  for (const argv of [MINE, OTHER, MINE, OTHER]) {
    await distclean();
    await contest.runner.run([{ argv, cwd: top }]);
  }
  const src = join(top, 'src');
  const objects = readdirSync(src).filter((name) => name.endsWith('.o'));
  const removeObjects = async (): Promise<void> => {
    for (const name of objects) rmSync(join(src, name), { force: true });
  };
  const rounds = contest.quick ? 3 : 12;
  const whole = { name: 'warm hgbuild make of redis', cwd: top, targets: [], rounds, clean: distclean };
  const only = {
    name: 'warm hgbuild make of redis, objects',
    cwd: src,
    targets: objects,
    rounds,
    clean: removeObjects,
  };
  // The objects first: they need the generated files of the whole build that was just made.
  const second = await measure(contest, only, top, plain);
  return [await measure(contest, whole, top, plain), second];
}
