/**
 * The agent is killed and stopped at random while builds run: every build ends with status 0 and the plain compiler's
 * objects, leaves nothing behind, and never runs more compilers than make asked for. `make chaos` is the long run on
 * redis; in `make test` it is a short one on a tree made here. HG_CHAOS_SEED repeats a run.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startHavoc, watchCompilers } from './bed/chaos.ts';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { layGenerated } from './bed/generated.ts';
import { processesWithEnv, until } from './bed/processes.ts';
import { seededRandom } from './bed/random.ts';
import { run, runOk } from './bed/run.ts';
import { copySource, findSource } from './bed/sources.ts';
import { need, testWith, tool } from './bed/tools.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from './bed/tree.ts';

const long = process.env.HG_CHAOS === 'long';
const seed = Number(process.env.HG_CHAOS_SEED ?? (long ? Date.now() % 1_000_000 : 20));
const redis = need(() =>
  !long || findSource('redis') ? undefined : 'no redis source here (`make sources` fetches it)',
);
const JOBS = 8;

interface Project {
  readonly lay: (directory: string) => void;
  readonly make: readonly string[];
  /** How many kills and stops the run has to see. */
  readonly events: number;
}

const project: Project = long
  ? {
      lay: (directory) => copySource('redis', directory),
      make: ['make', '-s', `-j${JOBS}`, 'MALLOC=libc', 'OPTIMIZATION=-O0'],
      events: Number(process.env.HG_CHAOS_EVENTS ?? 100),
    }
  : { lay: (directory) => layGenerated(directory, 60), make: ['make', '-s', `-j${JOBS}`], events: 6 };

const marked = (bed: Bed): number[] => processesWithEnv('HG_TEST_MARK', bed.root).map(({ pid }) => pid);

/** Names of everything and contents of what compilers wrote, of a build in a fresh copy at the same place. */
async function build(
  bed: Bed,
  prefix: readonly string[],
): Promise<{ names: string[]; outputs: Tree; status: number | null; stderr: string }> {
  const directory = join(bed.work, 'tree');
  rmSync(directory, { recursive: true, force: true });
  cpSync(join(bed.work, 'pristine'), directory, { recursive: true, preserveTimestamps: true });
  const env = { ...bed.env, HG_TEST_MARK: bed.root };
  const { status, stderr } = await run([...prefix, ...project.make], { cwd: directory, env, timeoutMs: 600_000 });
  const names = [...readTree(directory).keys()].sort();
  return { names, outputs: readTree(directory, isCompilerOutput), status, stderr: stderr.toString() };
}

testWith(
  [redis, tool('make'), tool('gcc')],
  `builds survive ${project.events} kills and stops of the agent (seed ${seed})`,
  async () => {
    const bed = makeBed({ SOURCE_DATE_EPOCH: '1700000000' });
    console.log(`chaos: seed ${seed}`);
    try {
      project.lay(join(bed.work, 'pristine'));
      const plain = await build(bed, []);
      expect(plain.status).toBe(0);
      const random = seededRandom(seed);
      const done = { kills: 0, stops: 0, builds: 0, mostCompilers: 0 };
      while (done.kills + done.stops < project.events) {
        // One build of three starts from nothing, the others find what the last one had time to store.
        if (done.builds % 3 === 0) await runOk([HGBUILD, 'cache', 'clear'], { env: bed.env }).catch(() => {});
        const havoc = startHavoc(bed, random, project.events - done.kills - done.stops);
        const watch = watchCompilers(bed.root);
        const ours = await build(bed, [HGBUILD, '--quiet']);
        done.mostCompilers = Math.max(done.mostCompilers, watch.end());
        const { kills, stops } = await havoc.end();
        Object.assign(done, { kills: done.kills + kills, stops: done.stops + stops, builds: done.builds + 1 });
        expect(ours.status, ours.stderr).toBe(0);
        expect(treeDifferences(plain.outputs, ours.outputs), `build ${done.builds}`).toEqual([]);
        expect(ours.names, 'files left behind in the tree').toEqual(plain.names);
        const left = () => marked(bed).filter((pid) => !bed.agents().includes(pid));
        expect(await until(() => left().length === 0, 5000), `left running: ${left().join(', ')}`).toBe(true);
      }
      console.log(`chaos: ${JSON.stringify(done)}`);
      expect(done.mostCompilers).toBeLessThanOrEqual(JOBS);
      const calm = await build(bed, [HGBUILD, '--quiet']);
      expect(treeDifferences(plain.outputs, calm.outputs)).toEqual([]);
      expect(await until(() => bed.agents().length === 1, 3000), `agents: ${bed.agents().join(', ')}`).toBe(true);
    } finally {
      await bed.remove();
    }
  },
  3_600_000,
);
