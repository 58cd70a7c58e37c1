/**
 * One fault of the grid each: whatever is stopped, cut off, damaged or full, the build ends with status 0 and the plain
 * compiler's bytes. How long each fault took to be noticed is printed as a table.
 */
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeEach, expect } from 'vitest';
import {
  badLine,
  damageBlobs,
  fillDisk,
  type Line,
  type Machine,
  makeMachine,
  networks,
  tinyDisk,
} from './bed/faults.ts';
import { layGenerated } from './bed/generated.ts';
import { GRID_NEEDS, useGridBed } from './bed/grid-bed.ts';
import { type Built, buildTree, expectRight, pristineOf } from './bed/grid-builds.ts';
import { signalProcess, until } from './bed/processes.ts';
import { testWith } from './bed/tools.ts';

const MAKE = ['make', '-s', '-j8'];
const FILES = 40;

interface Row {
  readonly fault: string;
  /** From the fault to the first word about it. */
  readonly detectedMs: number | string;
  readonly buildMs: number;
  readonly plainMs: number;
}
const table: Row[] = [];
afterAll(() => console.table(table));

const use = useGridBed();
let plain: Built;
beforeEach(async () => {
  layGenerated(pristineOf(use.bed), FILES);
  plain = await buildTree(use.bed, MAKE);
  expect(plain.status).toBe(0);
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const agentLog = (): string =>
  existsSync(join(use.bed.cacheDir, 'agent.log')) ? readFileSync(join(use.bed.cacheDir, 'agent.log'), 'utf8') : '';

/** Milliseconds until something is said that was not said before; undefined: it was not within half a minute. */
async function noticed(said: () => string, pattern: RegExp): Promise<number | undefined> {
  const began = performance.now();
  const before = said().match(pattern)?.length ?? 0;
  const heard = await until(() => (said().match(pattern)?.length ?? 0) > before, 30_000);
  return heard ? performance.now() - began : undefined;
}

function note(fault: string, detectedMs: number | undefined | string, built: Built): void {
  const detected = typeof detectedMs === 'number' ? Math.round(detectedMs) : (detectedMs ?? 'not needed');
  table.push({ fault, detectedMs: detected, buildMs: Math.round(built.wallMs), plainMs: Math.round(plain.wallMs) });
}

testWith(GRID_NEEDS, 'a worker that is stopped in the middle of a build is given up', async () => {
  const running = await use.start({ workers: 2, slots: 2 });
  const building = buildTree(use.bed, MAKE, running.env(0));
  await pause(700);
  signalProcess(running.workers[0]?.pid, 'SIGSTOP');
  const [detected, built] = await Promise.all([
    noticed(() => running.coordinator.log(), /a worker is lost: no heartbeat/g),
    building,
  ]);
  await expectRight(use.bed, plain, built, 'stopped worker');
  // Three heartbeats of one second, and a second for the clock that looks.
  expect(detected).toBeLessThan(5500);
  expect(built.remote).toBeGreaterThan(FILES / 2);
  note('worker stopped', detected, built);
});

testWith(GRID_NEEDS, 'a coordinator that is stopped in the middle of a build is given up', async () => {
  const running = await use.start({ workers: 1, slots: 2 });
  const building = buildTree(use.bed, MAKE, running.env(0));
  await pause(700);
  signalProcess(running.coordinator.pid, 'SIGSTOP');
  const [detected, built] = await Promise.all([noticed(agentLog, /the grid cannot be used/g), building]);
  await expectRight(use.bed, plain, built, 'stopped coordinator');
  expect(detected).toBeLessThan(8000);
  note('coordinator stopped', detected, built);
});

testWith(GRID_NEEDS, 'a port that answers nobody holds up a build once, and for seconds', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  use.undo(() => void silent.close());
  const env = { HG_COORDINATOR: `127.0.0.1:${(silent.address() as AddressInfo).port}`, HG_LOCAL_SLOTS: '0' };
  const building = buildTree(use.bed, MAKE, env);
  const [detected, built] = await Promise.all([noticed(agentLog, /the grid cannot be used/g), building]);
  await expectRight(use.bed, plain, built, 'silent port');
  expect(detected).toBeLessThan(8000);
  // Eight at most find it out; everything after them goes home at once.
  expect(built.wallMs - plain.wallMs).toBeLessThan(12_000);
  note('a port that answers nobody', detected, built);
});

testWith(
  [...GRID_NEEDS, networks],
  'an address that swallows everything holds up a build once, and for seconds',
  async () => {
    const far = makeMachine(3);
    use.undo(() => far.remove());
    far.cut();
    const env = { HG_COORDINATOR: `${far.address}:9000`, HG_LOCAL_SLOTS: '0' };
    const building = buildTree(use.bed, MAKE, env);
    const [detected, built] = await Promise.all([noticed(agentLog, /the grid cannot be used/g), building]);
    await expectRight(use.bed, plain, built, 'dead address');
    expect(detected).toBeLessThan(8000);
    expect(built.wallMs - plain.wallMs).toBeLessThan(12_000);
    note('an address that swallows everything', detected, built);
  },
);

async function cutFor5s(machine: Machine): Promise<void> {
  machine.cut();
  await pause(5000);
  machine.mend();
}

testWith([...GRID_NEEDS, networks], 'the line to a worker is cut for five seconds', async () => {
  const far = makeMachine(1);
  use.undo(() => far.remove());
  const running = await use.start({ workers: 0, host: far.here, coordinatorFlags: ['--insecure'] });
  await running.addWorker(2, { prefix: far.prefix });
  await running.addWorker(1);
  const building = buildTree(use.bed, MAKE, running.env(0));
  await pause(700);
  const cutting = cutFor5s(far);
  const [detected, built] = await Promise.all([
    noticed(() => running.coordinator.log(), /a worker is lost: no heartbeat/g),
    building,
  ]);
  await expectRight(use.bed, plain, built, 'line to a worker cut');
  expect(detected).toBeLessThan(5500);
  note('line to a worker cut for 5 s', detected, built);
  await cutting;
  const attachments = (): number => running.coordinator.log().match(/a worker attached.*w1/g)?.length ?? 0;
  expect(await until(() => attachments() >= 2, 30_000), 'it comes back').toBe(true);
});

testWith([...GRID_NEEDS, networks], 'the line to the coordinator is cut for five seconds', async () => {
  const far = makeMachine(2);
  use.undo(() => far.remove());
  const place = { prefix: far.prefix, host: far.address, coordinatorFlags: ['--insecure'] };
  const running = await use.start({ workers: 1, slots: 2, ...place });
  const building = buildTree(use.bed, MAKE, running.env(0));
  await pause(700);
  const cutting = cutFor5s(far);
  const [detected, built] = await Promise.all([noticed(agentLog, /the grid cannot be used/g), building]);
  await cutting;
  await expectRight(use.bed, plain, built, 'line to the coordinator cut');
  note('line to the coordinator cut for 5 s', detected, built);
});

const OTHER = (): NodeJS.ProcessEnv => ({ HG_CACHE_DIR: join(use.bed.root, 'other') });

testWith(GRID_NEEDS, "blobs that rot on the coordinator's disk are never delivered", async () => {
  const running = await use.start({ workers: 1, slots: 2 });
  await expectRight(use.bed, plain, await buildTree(use.bed, MAKE, running.env(0)), 'first');
  await use.bed.flush();
  // Told to leave, it writes what waits for a quiet moment, and has nothing in memory afterwards.
  signalProcess(running.coordinator.pid, 'SIGTERM');
  await running.coordinator.ended;
  expect(damageBlobs(join(running.dataDir, 'v1/blobs'))).toBeGreaterThan(FILES);
  await running.restartCoordinator();
  const attached = (): number => running.workers[0]?.log().split('attached').length ?? 0;
  expect(await until(() => attached() > 2)).toBe(true);
  const second = await buildTree(use.bed, MAKE, { ...running.env(0), ...OTHER() });
  await expectRight(use.bed, plain, second, 'from rotten blobs');
  expect(second.shared, second.stderr).toBe(0);
  const third = await buildTree(use.bed, MAKE, { ...running.env(0), HG_CACHE_DIR: join(use.bed.root, 'third') });
  await expectRight(use.bed, plain, third, 'mended');
  expect(third.shared, 'the shared cache has mended itself').toBeGreaterThan(FILES / 2);
  note("blobs rotten on the coordinator's disk", 'at the next read', second);
});

testWith(GRID_NEEDS, "blobs that rot in a worker's cache are never compiled", async () => {
  const running = await use.start({ workers: 1, slots: 2 });
  await expectRight(use.bed, plain, await buildTree(use.bed, MAKE, running.env(0)), 'first');
  expect(damageBlobs(join(use.bed.root, 'worker1'))).toBeGreaterThan(FILES);
  const second = await buildTree(use.bed, MAKE, { ...running.env(0), ...OTHER(), HG_RECACHE: '1' });
  await expectRight(use.bed, plain, second, 'from rotten inputs');
  expect(second.remote, second.stderr + second.log).toBeGreaterThan(FILES / 2);
  note("blobs rotten on a worker's disk", 'at the next use', second);
});

for (const { name, isOnWorker } of [
  { name: 'the client', isOnWorker: false },
  { name: 'a worker', isOnWorker: true },
]) {
  testWith(GRID_NEEDS, `bytes that change on the way between ${name} and the coordinator are noticed`, async () => {
    const running = await use.start({ workers: isOnWorker ? 0 : 1, slots: 2 });
    const [grpcPort, bad] = [Number(running.address.split(':')[1]), '127.0.0.2'];
    const lines: Line[] = [
      await badLine(bad, '127.0.0.1', grpcPort, () => false),
      await badLine(bad, '127.0.0.1', running.httpPort, () => true),
    ];
    use.undo(async () => {
      for (const line of lines) await line.close();
    });
    const through = { HG_COORDINATOR: `${bad}:${grpcPort}` };
    if (isOnWorker) await running.addWorker(2, { coordinator: through.HG_COORDINATOR });
    const built = await buildTree(use.bed, MAKE, { ...running.env(0), ...(isOnWorker ? {} : through) });
    await expectRight(use.bed, plain, built, 'bad line');
    expect(lines[1]?.changed).toBeGreaterThan(0);
    note(`bits turned on the line of ${name} (${lines[1]?.changed})`, 'at each transfer', built);
  });
}

testWith(GRID_NEEDS, "a worker's disk is full", async () => {
  const running = await use.start({ workers: 1, slots: 1 });
  const workDir = join(use.bed.root, 'tiny');
  const disk = tinyDisk(workDir, 8);
  use.undo(() => disk.remove());
  await running.addWorker(1, { workDir });
  fillDisk(workDir);
  const built = await buildTree(use.bed, MAKE, running.env(0));
  await expectRight(use.bed, plain, built, 'full worker');
  note("worker's disk full", 'at the first task', built);
});

testWith(GRID_NEEDS, "the coordinator's disk is full", async () => {
  const dataDir = join(use.bed.root, 'tiny');
  const disk = tinyDisk(dataDir, 8);
  use.undo(() => disk.remove());
  const running = await use.start({ workers: 1, slots: 2, dataDir });
  fillDisk(dataDir);
  const built = await buildTree(use.bed, MAKE, running.env(0));
  await expectRight(use.bed, plain, built, 'full coordinator');
  note("coordinator's disk full", 'at the first blob', built);
});
