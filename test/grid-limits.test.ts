/**
 * Large files and many files through a grid. HG_GRID=long (`make verify-grid-limits`) has the full sizes, which take
 * minutes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { layGenerated } from './bed/generated.ts';
import { GRID_NEEDS, useGridBed } from './bed/grid-bed.ts';
import { buildTree, expectRight, pristineOf } from './bed/grid-builds.ts';
import { peakMemory } from './bed/grid-view.ts';
import { testWith } from './bed/tools.ts';

const long = process.env.HG_GRID === 'long';
const MIB = 1 << 20;
const use = useGridBed();

testWith(GRID_NEEDS, 'a source of 6 MiB is compiled by a worker', async () => {
  const line = (n: number): string => `static const char text${n}[] __attribute__((used)) = "${'x'.repeat(900)}";\n`;
  use.lay({ 'a.c': Array.from({ length: 6600 }, (_, n) => line(n)).join('') }, 'gcc -g -c a.c -o a.o');
  expect(readFileSync(join(pristineOf(use.bed), 'a.c')).length).toBeGreaterThan(6 * MIB);
  const plain = await buildTree(use.bed, ['make']);
  const running = await use.start({ workers: 1 });
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  await expectRight(use.bed, plain, ours, 'large source');
  expect(ours.remote, ours.stderr + ours.log).toBe(1);
});

testWith(GRID_NEEDS, 'an object of 100 MiB comes back, and the coordinator never holds it', async () => {
  const size = 100 * MIB;
  use.lay({ 'a.c': `char a[${size}] = {1};\n` }, 'gcc -c a.c -o a.o');
  const plain = await buildTree(use.bed, ['make']);
  const running = await use.start({ workers: 1 });
  const before = peakMemory(running.coordinator.pid);
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  await expectRight(use.bed, plain, ours, 'large object');
  expect(ours.remote, ours.stderr + ours.log).toBe(1);
  const grown = peakMemory(running.coordinator.pid) - before;
  console.log(`object of ${size / MIB} MiB: the coordinator grew by ${(grown / MIB).toFixed(1)} MiB at most`);
  // 64 MiB it grew by for an object of 128 MiB, 56 for one of 48: pieces on their way and garbage.
  expect(grown).toBeLessThan(85 * MIB);
});

testWith(
  GRID_NEEDS,
  `${long ? 1000 : 150} small files at -j64`,
  async () => {
    const count = long ? 1000 : 150;
    layGenerated(pristineOf(use.bed), count);
    const make = ['make', '-s', '-j64'];
    const plain = await buildTree(use.bed, make);
    const running = await use.start({ workers: 2, slots: 2 });
    const ours = await buildTree(use.bed, make, running.env(1));
    await expectRight(use.bed, plain, ours, `${count} files`);
    // One by the agent's leave, and one of launchers that did not hear from it for two seconds.
    expect(ours.mostLocal).toBeLessThanOrEqual(/agent unreach/.test(ours.stderr) ? 2 : 1);
    expect(ours.remote, ours.stderr + ours.log).toBeGreaterThan(count / 4);
    console.log(
      `${count} files: plain ${Math.round(plain.wallMs)} ms, grid ${Math.round(ours.wallMs)} ms, ${ours.remote} remote`,
    );
  },
  300_000,
);

const PLACES = new Map([
  [true, 'remote'],
  [false, 'done at home'],
  [undefined, 'done somewhere'],
]);

/** A source with so many headers of its own. */
function layHeaders(count: number): void {
  const files: Record<string, string> = {};
  const includes: string[] = [];
  for (let n = 0; n < count; n += 1) {
    files[`h${n}.h`] = `extern int h${n};\n`;
    includes.push(`#include "h${n}.h"\n`);
  }
  use.lay({ ...files, 'a.c': includes.join('') }, 'gcc -g -MD -c a.c -o a.o');
}

for (const { count, isRemote } of long
  ? [
      // One look at so many files may take longer than launchers wait for a word: then it is done at home.
      { count: 19_000, isRemote: undefined },
      { count: 20_500, isRemote: false },
    ]
  : [{ count: 3000, isRemote: true }]) {
  testWith(
    GRID_NEEDS,
    `a compile with ${count} headers is ${PLACES.get(isRemote)}, and right`,
    async () => {
      layHeaders(count);
      const plain = await buildTree(use.bed, ['make']);
      const running = await use.start({ workers: 1 });
      const ours = await buildTree(use.bed, ['make'], running.env(0));
      await expectRight(use.bed, plain, ours, `${count} headers`);
      if (isRemote !== undefined) expect(ours.remote, ours.stderr + ours.log).toBe(isRemote ? 1 : 0);
      console.log(`${count} headers: plain ${Math.round(plain.wallMs)} ms, grid ${Math.round(ours.wallMs)} ms`);
    },
    300_000,
  );
}
