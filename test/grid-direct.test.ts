/** The direct path: real daemons; whatever is wrong with the way to a worker, the build ends with the plain compiler's bytes. */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect } from 'vitest';
import { HGBUILD } from './bed/environment.ts';
import { makeMachine, networks } from './bed/faults.ts';
import { layGenerated } from './bed/generated.ts';
import type { Grid } from './bed/grid.ts';
import { GRID_NEEDS, useGridBed } from './bed/grid-bed.ts';
import { type Built, buildTree, expectRight, pristineOf } from './bed/grid-builds.ts';
import { meter } from './bed/meter.ts';
import { signalProcess } from './bed/processes.ts';
import { run } from './bed/run.ts';
import { testWith } from './bed/tools.ts';
import { layFiles } from './bed/twin.ts';

const MAKE = ['make', '-s', '-j8'];
const FILES = 40;

const use = useGridBed();
let plain: Built;
beforeEach(async () => {
  layGenerated(pristineOf(use.bed), FILES);
  plain = await buildTree(use.bed, MAKE);
  expect(plain.status).toBe(0);
});

const direct = async (): Promise<number> =>
  ((await use.bed.stats()) as unknown as { readonly directCompiles: number }).directCompiles;

const metric = async (grid: Grid, name: string): Promise<number> => {
  const { stdout } = await run(['cat', grid.tokenFile]);
  const asked = await fetch(`http://${grid.address.split(':')[0]}:${grid.httpPort}/metrics`, {
    headers: { authorization: `Bearer ${stdout.toString().trim()}` },
  });
  return Number(new RegExp(`^hybridgrid_${name} (\\d+)$`, 'm').exec(await asked.text())?.[1]);
};

interface Worker {
  readonly directAddress: string | null;
  readonly activeTasks: number;
  readonly state: string;
}
const workersOf = async (grid: Grid): Promise<readonly Worker[]> => {
  const { stdout } = await run([HGBUILD, 'workers', '--json'], { env: { ...use.bed.env, ...grid.env(0) } });
  return (JSON.parse(stdout.toString()) as { workers: Worker[] }).workers;
};

testWith(
  GRID_NEEDS,
  'compiles go straight to workers, and the coordinator carries their objects to nobody',
  async () => {
    const running = await use.start({ workers: 2, slots: 2 });
    const line = await meter('127.0.0.2', '127.0.0.1', Number(running.address.split(':')[1]));
    const blobs = await meter('127.0.0.2', '127.0.0.1', running.httpPort);
    use.undo(() => line.close());
    use.undo(() => blobs.close());
    const env = { ...running.env(0), HG_COORDINATOR: `127.0.0.2:${running.address.split(':')[1]}` };
    // The headers come to the grid.
    await expectRight(use.bed, plain, await buildTree(use.bed, MAKE, env), 'first');
    const measured = async (more: NodeJS.ProcessEnv) => {
      const before = { out: line.out, back: line.back, blobs: blobs.out + blobs.back, runs: await direct() };
      const built = await buildTree(use.bed, MAKE, { ...env, HG_RECACHE: '1', ...more });
      await expectRight(use.bed, plain, built, JSON.stringify(more));
      expect(built.remote, built.stderr + built.log).toBe(FILES);
      const runs = (await direct()) - before.runs;
      const http = blobs.out + blobs.back - before.blobs;
      return { out: line.out - before.out, back: line.back - before.back, http, runs };
    };
    const straight = await measured({});
    const relayed = await measured({ HG_NO_DIRECT: '1' });
    expect(straight.runs).toBe(FILES);
    expect(relayed.runs).toBe(0);
    expect(straight.http).toBe(0);
    // Neither what is to be compiled nor what comes of it; by how much depends on how small the objects are.
    expect(straight.out).toBeLessThan(relayed.out / 4);
    expect(straight.back).toBeLessThan(relayed.back / 10);
    expect(await metric(running, 'direct_runs_total')).toBeGreaterThanOrEqual(FILES);
    expect((await workersOf(running)).map(({ directAddress }) => directAddress)).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    ]);
    // What the workers told is in the shared cache.
    const other = await buildTree(use.bed, MAKE, { ...env, HG_CACHE_DIR: join(use.bed.root, 'other') });
    await expectRight(use.bed, plain, other, 'from the shared cache');
    expect(other.shared, other.stderr).toBe(FILES);
  },
);

testWith(GRID_NEEDS, 'a worker that is told not to listen is used through the coordinator', async () => {
  const running = await use.start({ workers: 1, slots: 2, workerFlags: ['--listen=off'] });
  const built = await buildTree(use.bed, MAKE, running.env(0));
  await expectRight(use.bed, plain, built, 'not listening');
  expect([built.remote, await direct()]).toEqual([FILES, 0]);
  expect((await workersOf(running)).map(({ directAddress }) => directAddress)).toEqual([null]);
});

for (const { name, listen, isSilent } of [
  { name: 'refuses', listen: '127.0.0.1:9101', isSilent: false },
  { name: 'accepts and says nothing', listen: '127.0.0.1:9102', isSilent: true },
]) {
  testWith(
    [...GRID_NEEDS, networks],
    `a worker's address that ${name} costs the direct path, not the worker`,
    async () => {
      const far = makeMachine(4);
      use.undo(() => far.remove());
      if (isSilent) {
        // What is that worker's loopback there is this machine's here.
        const silent = createServer(() => {});
        await new Promise<void>((resolve) => silent.listen(Number(listen.split(':')[1]), '127.0.0.1', resolve));
        use.undo(() => void silent.close());
      }
      const plan = {
        workers: 0,
        host: '0.0.0.0',
        coordinatorFlags: ['--insecure'],
        workerFlags: [`--listen=${listen}`],
      };
      const running = await use.start(plan);
      await running.addWorker(2, {
        prefix: far.prefix,
        coordinator: `${far.here}:${running.address.split(':')[1]}`,
      });
      const built = await buildTree(use.bed, MAKE, running.env(0));
      await expectRight(use.bed, plain, built, name);
      expect([built.remote, await direct()], built.stderr + built.log).toEqual([FILES, 0]);
      expect(await workersOf(running)).toMatchObject([{ directAddress: listen, state: 'ready', activeTasks: 0 }]);
    },
  );
}

testWith(
  [...GRID_NEEDS, networks],
  "a worker's address that swallows everything holds nothing up for long",
  async () => {
    const [far, nowhere] = [makeMachine(5), makeMachine(6)];
    use.undo(() => far.remove());
    use.undo(() => nowhere.remove());
    nowhere.cut();
    const address = '10.212.1.9';
    for (const words of [
      [...far.prefix, 'ip', 'addr', 'add', `${address}/32`, 'dev', 'lo'],
      ['ip', 'route', 'add', `${address}/32`, 'via', nowhere.address],
    ])
      expect(spawnSync(words[0] as string, words.slice(1)).status, words.join(' ')).toBe(0);
    const flags = { coordinatorFlags: ['--insecure'], workerFlags: [`--listen=${address}:9103`, '--insecure'] };
    const running = await use.start({ workers: 0, host: far.here, ...flags });
    await running.addWorker(2, { prefix: far.prefix });
    const built = await buildTree(use.bed, MAKE, running.env(0));
    await expectRight(use.bed, plain, built, 'swallowed');
    expect([built.remote, await direct()], built.stderr + built.log).toEqual([FILES, 0]);
    // Those that begin together wait a second for it, and then a few after one, two, four seconds.
    expect(built.log.match(/a worker cannot be reached/g)?.length).toBeLessThan(20);
  },
);

testWith([...GRID_NEEDS, networks], 'beyond this machine it is TLS or --insecure', async () => {
  const far = makeMachine(7);
  use.undo(() => far.remove());
  const running = await use.start({ workers: 0, host: far.here, coordinatorFlags: ['--insecure'] });
  const worker = await running.addWorker(2, { prefix: far.prefix });
  expect(worker.log()).toMatch(/clients cannot come here themselves.*no TLS: --insecure on a network that you trust/);
  expect((await workersOf(running)).map(({ directAddress }) => directAddress)).toEqual([null]);
});

/** A compile of seconds, so that there is something in the middle of which to do harm. */
function layLong(): void {
  const functions = Array.from(
    { length: 3_000 },
    (_, n) => `int f${n}(int *a, int n) { int s = ${n}; for (int i = 0; i < n; i++) s += a[i] * ${n} ^ s; return s; }`,
  );
  layFiles(pristineOf(use.bed), { 'long.c': functions.join('\n') });
}
const LONG = ['gcc', '-O3', '-c', 'long.c'];

async function untilSomeBusy(grid: Grid): Promise<number> {
  for (;;) {
    const busy = (await workersOf(grid)).reduce((sum, { activeTasks }) => sum + activeTasks, 0);
    if (busy > 0) return busy;
  }
}

async function untilBusy(grid: Grid, wanted: readonly number[]): Promise<void> {
  const end = performance.now() + 30_000;
  let seen: readonly number[] = [];
  while (performance.now() < end) {
    seen = (await workersOf(grid)).map(({ activeTasks }) => activeTasks);
    if (JSON.stringify(seen) === JSON.stringify(wanted)) return;
  }
  throw new Error(`workers have ${seen.join(', ')} tasks, not ${wanted.join(', ')}`);
}

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  testWith(
    GRID_NEEDS,
    `a worker that gets ${signal} in the middle of a compile is given up by its client`,
    async () => {
      layLong();
      const alone = await buildTree(use.bed, LONG);
      // With such heartbeats nobody but the client finds out.
      const running = await use.start({ workers: 1, coordinatorFlags: ['--heartbeat=10m'] });
      const building = buildTree(use.bed, LONG, running.env(0));
      await untilBusy(running, [1]);
      await running.addWorker(1);
      signalProcess(running.workers[0]?.pid, signal);
      const built = await building;
      await expectRight(use.bed, alone, built, signal);
      expect(built.stderr).toMatch(/^\[remote w2\]/m);
      expect(built.log).toMatch(/a worker cannot be reached/);
    },
  );
}

testWith(GRID_NEEDS, 'an agent that is killed frees the slot that it had', async () => {
  layLong();
  const alone = await buildTree(use.bed, LONG);
  const running = await use.start({ workers: 1 });
  const building = buildTree(use.bed, LONG, running.env(0));
  await untilBusy(running, [1]);
  expect(await metric(running, 'direct_grants_total')).toBe(1);
  for (const pid of use.bed.agents()) signalProcess(pid, 'SIGKILL');
  await untilBusy(running, [0]);
  await expectRight(use.bed, alone, await building, 'agent killed');
});

testWith(GRID_NEEDS, 'two clients that compile the same at once: one compile', async () => {
  layLong();
  const running = await use.start({ workers: 2 });
  const cwd = pristineOf(use.bed);
  const compile = (cache: string) =>
    run([HGBUILD, '-v', ...LONG], {
      cwd,
      env: {
        ...use.bed.env,
        ...running.env(0),
        HG_CACHE_DIR: join(use.bed.root, cache),
        HG_RUNTIME_DIR: use.bed.runtimeDir,
      },
    });
  await use.startAgent({ ...running.env(0), HG_CACHE_DIR: join(use.bed.root, 'one') });
  await use.startAgent({ ...running.env(0), HG_CACHE_DIR: join(use.bed.root, 'two') });
  const first = compile('one');
  const seen = await Promise.race([first, untilSomeBusy(running)]);
  expect(seen, JSON.stringify(seen)).toBe(1);
  const [one, two] = await Promise.all([first, compile('two')]);
  expect([one.status, two.status]).toEqual([0, 0]);
  const said = `${one.stderr}${two.stderr}`;
  expect(said).toMatch(/\[remote w\d\]/);
  const done = (await workersOf(running)) as readonly (Worker & { readonly completedTasks: number })[];
  expect(
    done.reduce((sum, { completedTasks }) => sum + completedTasks, 0),
    said,
  ).toBe(1);
});
