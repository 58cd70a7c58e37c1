/** What build grids before this one broke on, each by its name. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { fillDisk, tinyDisk } from './bed/faults.ts';
import { layGenerated } from './bed/generated.ts';
import { GRID_NEEDS, useGridBed } from './bed/grid-bed.ts';
import { buildTree, expectRight, pristineOf } from './bed/grid-builds.ts';
import { listWorkers, readPage } from './bed/grid-view.ts';
import { signalProcess, until } from './bed/processes.ts';
import { runOk } from './bed/run.ts';
import { testWith } from './bed/tools.ts';

const use = useGridBed();

testWith(GRID_NEEDS, 'more compiles than slots: they wait, and none fails', async () => {
  layGenerated(pristineOf(use.bed), 100);
  const make = ['make', '-s', '-j64'];
  const plain = await buildTree(use.bed, make);
  const running = await use.start({ workers: 2, slots: 1 });
  const ours = await buildTree(use.bed, make, running.env(0));
  await expectRight(use.bed, plain, ours, '64 at once on 2 slots');
  expect(ours.stderr).not.toMatch(/no.worker|no.slot/);
  // On a machine with far more to do than processors some launchers may give their agent up, and compile here.
  expect(ours.remote, ours.stderr + ours.log).toBeGreaterThan(0);
});

testWith(GRID_NEEDS, 'a worker whose compiler is another one is not a failed build', async () => {
  const { stdout } = await runOk(['gcc', '-print-prog-name=cc1']);
  use.lay({ 'a.c': '#include <stdio.h>\nint f(void) { return puts("x"); }\n' }, 'gcc -O2 -g -MD -c a.c -o a.o');
  const plain = await buildTree(use.bed, ['make']);
  const running = await use.start({ workers: 0 });
  const hide = `mount --bind /bin/false ${stdout.toString().trim()} && exec "$@"`;
  await running.addWorker(1, { prefix: ['unshare', '-m', 'sh', '-c', hide, 'sh'] });
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  await expectRight(use.bed, plain, ours, 'no compiler there');
  await running.addWorker(1);
  const again = await buildTree(use.bed, ['make'], { ...running.env(0), HG_RECACHE: '1' });
  await expectRight(use.bed, plain, again, 'another has it');
  expect(again.remote, again.stderr + again.log).toBe(1);
});

testWith(GRID_NEEDS, 'a worker that fails at once does not draw the work of all others', async () => {
  layGenerated(pristineOf(use.bed), 60);
  const make = ['make', '-s', '-j8'];
  const plain = await buildTree(use.bed, make);
  const running = await use.start({ workers: 1, slots: 2 });
  const workDir = join(use.bed.root, 'tiny');
  const disk = tinyDisk(workDir, 8);
  use.undo(() => disk.remove());
  await running.addWorker(2, { workDir });
  fillDisk(workDir);
  const ours = await buildTree(use.bed, make, running.env(0));
  await expectRight(use.bed, plain, ours, 'one worker fails');
  const workers = await listWorkers(use.bed, running);
  expect(workers.find(({ id }) => id === 'w2')?.state).toBe('circuit open');
  expect(await readPage(running, '/')).toContain('circuit open');
  // Whom the failing worker declines, the other one takes: none of them is sent home.
  expect(ours.stderr).not.toMatch(/^\[local\]/m);
  expect(ours.stderr).toMatch(/^\[remote w1\]/m);
  const good = workers.find(({ id }) => id === 'w1');
  expect(good?.latencyMs, 'the mean that chooses among workers').toBeGreaterThan(0);
  expect(await readPage(running, '/metrics')).toMatch(/^hybridgrid_tasks_total\{result="ok"\} [1-9]/m);
});

testWith(GRID_NEEDS, 'two workers of one host are two; a dead one leaves the list in time', async () => {
  const running = await use.start({ workers: 0 });
  const first = await running.addWorker(1, { id: '' });
  const second = await running.addWorker(1, { id: '' });
  const ids = async (): Promise<string[]> => (await listWorkers(use.bed, running)).map(({ id }) => id);
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

testWith(GRID_NEEDS, 'command lines as CMake and Ninja write them are distributed', async () => {
  const object = 'CMakeFiles/app.dir/src/a.c.o';
  use.lay(
    { 'a.c': '#include <stdio.h>\nint f(void) { return X + puts("x"); }\n' },
    `mkdir -p CMakeFiles/app.dir/src && gcc -DX=1 -I. -O2 -g -std=gnu11 -MD -MT ${object} -MF ${object}.d -o ${object} -c "$$PWD/a.c"`,
  );
  const plain = await buildTree(use.bed, ['make']);
  const running = await use.start({ workers: 1 });
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  await expectRight(use.bed, plain, ours, 'as CMake has it');
  expect([...plain.outputs.keys()].sort()).toEqual([object, `${object}.d`].sort());
  expect(ours.remote, ours.stderr + ours.log).toBe(1);
});

testWith(GRID_NEEDS, 'both workers are on the status page within five seconds', async () => {
  const began = performance.now();
  const running = await use.start({ workers: 2 });
  const page = await readPage(running, '/');
  expect(performance.now() - began).toBeLessThan(5000);
  for (const worker of ['w1', 'w2']) expect(page).toContain(`<td>${worker} (`);
});

testWith(
  GRID_NEEDS,
  'first remote, then a hit, then shared with somebody else; an edited comment is never a wrong hit',
  async () => {
    const source = (comment: string): string => `/* ${comment} */\nint f(int x) { return x + __LINE__; }\n`;
    use.lay({ 'a.c': source('one') }, 'gcc -g -O2 -c a.c -o a.o');
    const running = await use.start({ workers: 1 });
    const build = async (env: NodeJS.ProcessEnv = {}): Promise<readonly number[]> => {
      const plain = await buildTree(use.bed, ['make']);
      const ours = await buildTree(use.bed, ['make'], { ...running.env(0), ...env });
      await expectRight(use.bed, plain, ours, 'a.c');
      return [ours.remote, ours.hits, ours.shared];
    };
    expect(await build()).toEqual([1, 0, 0]);
    await use.bed.flush();
    expect(await build()).toEqual([0, 1, 0]);
    expect(await build({ HG_CACHE_DIR: join(use.bed.root, 'other') })).toEqual([0, 0, 1]);
    writeFileSync(join(pristineOf(use.bed), 'a.c'), source('two,\n on two lines'));
    expect(await build()).toEqual([1, 0, 0]);
  },
);

testWith(GRID_NEEDS, 'workers come back to a coordinator that was started again, and get work', async () => {
  layGenerated(pristineOf(use.bed), 20);
  const make = ['make', '-s', '-j8'];
  const plain = await buildTree(use.bed, make);
  const running = await use.start({ workers: 2 });
  await expectRight(use.bed, plain, await buildTree(use.bed, make, running.env(0)), 'before');
  await running.restartCoordinator();
  const began = performance.now();
  const attached = (): number => running.coordinator.log().match(/a worker attached/g)?.length ?? 0;
  expect(await until(() => attached() === 2, 15_000)).toBe(true);
  console.log(`workers were back after ${Math.round(performance.now() - began)} ms`);
  const other = { ...running.env(0), HG_CACHE_DIR: join(use.bed.root, 'other'), HG_RECACHE: '1' };
  await use.startAgent(other);
  const ours = await buildTree(use.bed, make, other);
  await expectRight(use.bed, plain, ours, 'after');
  expect(ours.remote, ours.stderr + ours.log).toBe(20);
});

testWith(GRID_NEEDS, 'an error says what the plain compiler says, with its exit status', async () => {
  use.lay({ 'a.c': 'int f(void) { return undeclared; }\n' }, 'gcc -Wall -c a.c -o a.o');
  const running = await use.start({ workers: 1 });
  const plain = await buildTree(use.bed, ['make']);
  const ours = await buildTree(use.bed, ['make'], running.env(0));
  const said = (text: string): string[] => text.split('\n').filter((line) => !/^(\[|hybridgrid: )/.test(line));
  expect([ours.status, said(ours.stderr)]).toEqual([plain.status, said(plain.stderr)]);
  expect(plain.status).not.toBe(0);
});
