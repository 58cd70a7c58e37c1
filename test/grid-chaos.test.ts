/**
 * Workers, coordinator and agent are killed, stopped and started again at random while builds run: every build ends with
 * status 0 and the plain compiler's objects, leaves nothing behind, and starts no more compilers on this machine than it
 * may. `make chaos-grid` is the long run on redis; in `make test` it is a short one. HG_CHAOS_SEED repeats a run.
 */
import { expect } from 'vitest';
import { makeBed } from './bed/environment.ts';
import { layGenerated } from './bed/generated.ts';
import { startGrid } from './bed/grid.ts';
import { buildTree, expectRight, pristineOf } from './bed/grid-builds.ts';
import { type Deeds, startGridHavoc } from './bed/grid-chaos.ts';
import { until } from './bed/processes.ts';
import { seededRandom } from './bed/random.ts';
import { copySource, findSource } from './bed/sources.ts';
import { mounts, need, root, testWith, tool } from './bed/tools.ts';

const long = process.env.HG_GRID === 'long';
const seed = Number(process.env.HG_CHAOS_SEED ?? (long ? Date.now() % 1_000_000 : 20));
const events = Number(process.env.HG_CHAOS_EVENTS ?? (long ? 100 : 6));
const redis = need(() =>
  !long || findSource('redis') ? undefined : 'no redis source here (`make sources` fetches it)',
);
const JOBS = 8;
const MOST_LOCAL_SLOTS = 2;
const MAKE = long ? ['make', '-s', `-j${JOBS}`, 'MALLOC=libc', 'OPTIMIZATION=-O0'] : ['make', '-s', `-j${JOBS}`];

/**
 * One compiler at least, for somebody has to do it. An agent that died leaves those behind that it had allowed; the
 * launchers it left alone share as many slots as it had; and the next agent knows of neither.
 */
function mostAllowed(localSlots: number, withoutAgent: boolean): number {
  const slots = Math.max(1, localSlots);
  return withoutAgent ? 2 * slots + MOST_LOCAL_SLOTS : slots;
}

const total = (deeds: Deeds): number => [...deeds.values()].reduce((sum, count) => sum + count, 0);

testWith(
  [redis, root, mounts, tool('make'), tool('gcc')],
  `builds survive ${events} kills and stops of workers, coordinator and agent (seed ${seed})`,
  async () => {
    const bed = makeBed({ SOURCE_DATE_EPOCH: '1700000000' });
    console.log(`chaos of the grid: seed ${seed}`);
    const grid = await startGrid(bed, { workers: 2, slots: 2 });
    try {
      if (long) copySource('redis', pristineOf(bed));
      else layGenerated(pristineOf(bed), 60);
      const plain = await buildTree(bed, MAKE);
      expect(plain.status).toBe(0);
      const random = seededRandom(seed);
      const done: Deeds = new Map();
      let [builds, remote, mostLocal] = [0, 0, 0];
      while (total(done) < events) {
        const localSlots = builds % (MOST_LOCAL_SLOTS + 1);
        // One build of three finds what the others had time to store, here and in the grid.
        const env = { ...grid.env(localSlots), ...(random.below(3) === 0 ? {} : { HG_RECACHE: '1' }) };
        const havoc = startGridHavoc(bed, grid, random, events - total(done));
        const ours = await buildTree(bed, MAKE, env);
        const deeds = await havoc.end();
        for (const [what, count] of deeds) done.set(what, (done.get(what) ?? 0) + count);
        await expectRight(bed, plain, ours, `build ${builds}, seed ${seed}`);
        const withoutAgent =
          [...done.keys()].some((what) => what.startsWith('agent')) || /agent unreach/.test(ours.stderr);
        const told = `build ${builds}: ${[...deeds]}\n${ours.stderr.match(/^\[local.*$/gm)?.join('\n')}`;
        expect(ours.mostLocal, told).toBeLessThanOrEqual(mostAllowed(localSlots, withoutAgent));
        [builds, remote, mostLocal] = [builds + 1, remote + ours.remote, Math.max(mostLocal, ours.mostLocal)];
      }
      console.log(`chaos of the grid: ${JSON.stringify({ builds, remote, mostLocal, ...Object.fromEntries(done) })}`);
      const calm = await buildTree(bed, MAKE, { ...grid.env(0), HG_RECACHE: '1' });
      await expectRight(bed, plain, calm, 'calm again');
      expect(calm.remote, calm.stderr + calm.log).toBeGreaterThan(0);
      expect(await until(() => bed.agents().length <= 1, 3000), `agents: ${bed.agents().join(', ')}`).toBe(true);
    } finally {
      await grid.end();
      await bed.remove();
    }
  },
  3_600_000,
);
