/**
 * What build grids before this one broke on, each by its name: too many compiles for the slots, workers without the
 * compiler, workers that fail at once, large files, many files. HG_GRID=long has the full sizes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { fillDisk, tinyDisk } from './bed/faults.ts';
import { layGenerated } from './bed/generated.ts';
import { type Grid, type GridPlan, startGrid } from './bed/grid.ts';
import { buildTree, expectRight, pristineOf } from './bed/grid-builds.ts';
import { listWorkers, peakMemory, readPage } from './bed/grid-view.ts';
import { signalProcess, until } from './bed/processes.ts';
import { runOk } from './bed/run.ts';
import { mounts, root, testWith, tool } from './bed/tools.ts';

const long = process.env.HG_GRID === 'long';
const NEEDS = [root, mounts, tool('make'), tool('gcc')];
const MIB = 1 << 20;

let bed: Bed;
let grid: Grid | undefined;
let undo: (() => void)[] = [];
beforeEach(() => {
  bed = makeBed();
  undo = [];
});
afterEach(async () => {
  await grid?.end();
  grid = undefined;
  for (const each of undo.reverse()) each();
  await bed.remove();
});

async function start(plan: GridPlan): Promise<Grid> {
  grid = await startGrid(bed, plan);
  return grid;
}

/** A project of these files whose Makefile runs this one command. */
function lay(files: Readonly<Record<string, string>>, command: string): void {
  mkdirSync(pristineOf(bed), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(pristineOf(bed), name), text);
  writeFileSync(join(pristineOf(bed), 'Makefile'), `all:\n\t@${command}\n`);
}

testWith(NEEDS, 'more compiles than slots: they wait, and none fails', async () => {
  layGenerated(pristineOf(bed), 100);
  const make = ['make', '-s', '-j64'];
  const plain = await buildTree(bed, make);
  const running = await start({ workers: 2, slots: 1 });
  const ours = await buildTree(bed, make, running.env(0));
  await expectRight(bed, plain, ours, '64 at once on 2 slots');
  expect(ours.remote, ours.stderr).toBe(100);
});

testWith(NEEDS, 'a worker whose compiler is another one is not a failed build', async () => {
  const { stdout } = await runOk(['gcc', '-print-prog-name=cc1']);
  lay({ 'a.c': '#include <stdio.h>\nint f(void) { return puts("x"); }\n' }, 'gcc -O2 -g -MD -c a.c -o a.o');
  const plain = await buildTree(bed, ['make']);
  const running = await start({ workers: 0 });
  const hide = `mount --bind /bin/false ${stdout.toString().trim()} && exec "$@"`;
  await running.addWorker(1, { prefix: ['unshare', '-m', 'sh', '-c', hide, 'sh'] });
  const ours = await buildTree(bed, ['make'], running.env(0));
  await expectRight(bed, plain, ours, 'no compiler there');
  await running.addWorker(1);
  const again = await buildTree(bed, ['make'], { ...running.env(0), HG_RECACHE: '1' });
  await expectRight(bed, plain, again, 'another has it');
  expect(again.remote, again.stderr).toBe(1);
});

testWith(NEEDS, 'a worker that fails at once does not draw the work of all others', async () => {
  layGenerated(pristineOf(bed), 60);
  const make = ['make', '-s', '-j8'];
  const plain = await buildTree(bed, make);
  const running = await start({ workers: 1, slots: 2 });
  const workDir = join(bed.root, 'tiny');
  const disk = tinyDisk(workDir, 8);
  undo.push(() => disk.remove());
  await running.addWorker(2, { workDir });
  fillDisk(workDir);
  const ours = await buildTree(bed, make, running.env(0));
  await expectRight(bed, plain, ours, 'one worker fails');
  const workers = await listWorkers(bed, running);
  expect(workers.find(({ id }) => id === 'w2')?.state).toBe('circuit open');
  expect(await readPage(running, '/')).toContain('circuit open');
  expect(ours.stderr.match(/^\[remote w1\]/gm)?.length, ours.stderr).toBeGreaterThanOrEqual(50);
  const good = workers.find(({ id }) => id === 'w1');
  expect(good?.latencyMs, 'the mean that chooses among workers').toBeGreaterThan(0);
  expect(await readPage(running, '/metrics')).toMatch(/^hybridgrid_tasks_total\{result="ok"\} [1-9]/m);
});

testWith(NEEDS, 'a source of 6 MiB is compiled by a worker', async () => {
  const line = (n: number): string => `static const char text${n}[] __attribute__((used)) = "${'x'.repeat(900)}";\n`;
  lay({ 'a.c': Array.from({ length: 6600 }, (_, n) => line(n)).join('') }, 'gcc -g -c a.c -o a.o');
  expect(readFileSync(join(pristineOf(bed), 'a.c')).length).toBeGreaterThan(6 * MIB);
  const plain = await buildTree(bed, ['make']);
  const running = await start({ workers: 1 });
  const ours = await buildTree(bed, ['make'], running.env(0));
  await expectRight(bed, plain, ours, 'large source');
  expect(ours.remote, ours.stderr).toBe(1);
});

testWith(NEEDS, 'an object of 100 MiB comes back, and the coordinator never holds it', async () => {
  const size = 100 * MIB;
  lay({ 'a.c': `char a[${size}] = {1};\n` }, 'gcc -c a.c -o a.o');
  const plain = await buildTree(bed, ['make']);
  const running = await start({ workers: 1 });
  const before = peakMemory(running.coordinator.pid);
  const ours = await buildTree(bed, ['make'], running.env(0));
  await expectRight(bed, plain, ours, 'large object');
  expect(ours.remote, ours.stderr).toBe(1);
  const grown = peakMemory(running.coordinator.pid) - before;
  console.log(`object of ${size / MIB} MiB: the coordinator grew by ${(grown / MIB).toFixed(1)} MiB at most`);
  // 64 MiB it grew by for an object of 128 MiB, 56 for one of 48: pieces on their way and garbage.
  expect(grown).toBeLessThan(85 * MIB);
});

testWith(NEEDS, 'two workers of one host are two; a dead one leaves the list in time', async () => {
  const running = await start({ workers: 0 });
  const first = await running.addWorker(1, { id: '' });
  const second = await running.addWorker(1, { id: '' });
  const ids = async (): Promise<string[]> => (await listWorkers(bed, running)).map(({ id }) => id);
  expect(new Set(await ids()).size).toBe(2);
  const stopped = performance.now();
  signalProcess(first.pid, 'SIGSTOP');
  expect(await until(() => /a worker is lost: no heartbeat/.test(running.coordinator.log()), 10_000)).toBe(true);
  // Three heartbeats of one second, and a second for the clock that looks.
  expect(performance.now() - stopped).toBeLessThan(5500);
  expect(await ids()).toHaveLength(1);
  signalProcess(second.pid, 'SIGKILL');
  await second.ended;
  expect(await until(() => /a worker left/.test(running.coordinator.log()), 5000)).toBe(true);
  expect(await ids()).toEqual([]);
});

testWith(NEEDS, 'command lines as CMake and Ninja write them are distributed', async () => {
  const object = 'CMakeFiles/app.dir/src/a.c.o';
  lay(
    { 'a.c': '#include <stdio.h>\nint f(void) { return X + puts("x"); }\n' },
    `mkdir -p CMakeFiles/app.dir/src && gcc -DX=1 -I. -O2 -g -std=gnu11 -MD -MT ${object} -MF ${object}.d -o ${object} -c "$$PWD/a.c"`,
  );
  const plain = await buildTree(bed, ['make']);
  const running = await start({ workers: 1 });
  const ours = await buildTree(bed, ['make'], running.env(0));
  await expectRight(bed, plain, ours, 'as CMake has it');
  expect([...plain.outputs.keys()].sort()).toEqual([object, `${object}.d`].sort());
  expect(ours.remote, ours.stderr).toBe(1);
});

testWith(NEEDS, 'both workers are on the status page within five seconds', async () => {
  const began = performance.now();
  const running = await start({ workers: 2 });
  const page = await readPage(running, '/');
  expect(performance.now() - began).toBeLessThan(5000);
  for (const worker of ['w1', 'w2']) expect(page).toContain(`<td>${worker} (`);
});

testWith(
  NEEDS,
  'first remote, then a hit, then shared with somebody else; an edited comment is never a wrong hit',
  async () => {
    const source = (comment: string): string => `/* ${comment} */\nint f(int x) { return x + __LINE__; }\n`;
    lay({ 'a.c': source('one') }, 'gcc -g -O2 -c a.c -o a.o');
    const running = await start({ workers: 1 });
    const build = async (env: NodeJS.ProcessEnv = {}): Promise<readonly number[]> => {
      const plain = await buildTree(bed, ['make']);
      const ours = await buildTree(bed, ['make'], { ...running.env(0), ...env });
      await expectRight(bed, plain, ours, 'a.c');
      return [ours.remote, ours.hits, ours.shared];
    };
    expect(await build()).toEqual([1, 0, 0]);
    await bed.flush();
    expect(await build()).toEqual([0, 1, 0]);
    expect(await build({ HG_CACHE_DIR: join(bed.root, 'other') })).toEqual([0, 0, 1]);
    writeFileSync(join(pristineOf(bed), 'a.c'), source('two,\n on two lines'));
    expect(await build()).toEqual([1, 0, 0]);
  },
);

testWith(
  NEEDS,
  `${long ? 1000 : 150} small files at -j64`,
  async () => {
    const count = long ? 1000 : 150;
    layGenerated(pristineOf(bed), count);
    const make = ['make', '-s', '-j64'];
    const plain = await buildTree(bed, make);
    const running = await start({ workers: 2, slots: 2 });
    const ours = await buildTree(bed, make, running.env(1));
    await expectRight(bed, plain, ours, `${count} files`);
    expect(ours.mostLocal).toBeLessThanOrEqual(1);
    expect(ours.remote, ours.stderr).toBeGreaterThan(count / 2);
    console.log(
      `${count} files: plain ${Math.round(plain.wallMs)} ms, grid ${Math.round(ours.wallMs)} ms, ${ours.remote} remote`,
    );
  },
  300_000,
);

testWith(NEEDS, 'workers come back to a coordinator that was started again, and get work', async () => {
  layGenerated(pristineOf(bed), 20);
  const make = ['make', '-s', '-j8'];
  const plain = await buildTree(bed, make);
  const running = await start({ workers: 2 });
  await expectRight(bed, plain, await buildTree(bed, make, running.env(0)), 'before');
  await running.restartCoordinator();
  const began = performance.now();
  const attached = (): number => running.coordinator.log().match(/a worker attached/g)?.length ?? 0;
  expect(await until(() => attached() === 2, 15_000)).toBe(true);
  console.log(`workers were back after ${Math.round(performance.now() - began)} ms`);
  const ours = await buildTree(bed, make, {
    ...running.env(0),
    HG_CACHE_DIR: join(bed.root, 'other'),
    HG_RECACHE: '1',
  });
  await expectRight(bed, plain, ours, 'after');
  expect(ours.remote, ours.stderr).toBe(20);
});

/** A source with so many headers of its own. */
function layHeaders(count: number): void {
  const files: Record<string, string> = {};
  const includes: string[] = [];
  for (let n = 0; n < count; n += 1) {
    files[`h${n}.h`] = `extern int h${n};\n`;
    includes.push(`#include "h${n}.h"\n`);
  }
  lay({ ...files, 'a.c': includes.join('') }, 'gcc -g -MD -c a.c -o a.o');
}

for (const { count, isRemote } of long
  ? [
      { count: 19_000, isRemote: true },
      { count: 20_500, isRemote: false },
    ]
  : [{ count: 3000, isRemote: true }]) {
  testWith(
    NEEDS,
    `a compile with ${count} headers is ${isRemote ? 'remote' : 'done at home'}, and right`,
    async () => {
      layHeaders(count);
      const plain = await buildTree(bed, ['make']);
      const running = await start({ workers: 1 });
      const ours = await buildTree(bed, ['make'], running.env(0));
      await expectRight(bed, plain, ours, `${count} headers`);
      expect(ours.remote, ours.stderr).toBe(isRemote ? 1 : 0);
      console.log(`${count} headers: plain ${Math.round(plain.wallMs)} ms, grid ${Math.round(ours.wallMs)} ms`);
    },
    300_000,
  );
}

testWith(NEEDS, 'an error says what the plain compiler says, with its exit status', async () => {
  lay({ 'a.c': 'int f(void) { return undeclared; }\n' }, 'gcc -Wall -c a.c -o a.o');
  const running = await start({ workers: 1 });
  const plain = await buildTree(bed, ['make']);
  const ours = await buildTree(bed, ['make'], running.env(0));
  const said = (text: string): string[] => text.split('\n').filter((line) => !/^(\[|hybridgrid: )/.test(line));
  expect([ours.status, said(ours.stderr)]).toEqual([plain.status, said(plain.stderr)]);
  expect(plain.status).not.toBe(0);
  await runOk([HGBUILD, 'workers'], { env: { ...bed.env, ...running.env(0) } });
});
