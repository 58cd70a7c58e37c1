import { randomBytes } from 'node:crypto';
import { globSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { HealthCheckResponse } from '../contract/generated/hybridgrid/v1/build.ts';
import type { CoordinatorOptions } from './coordinator.ts';
import {
  blobOf,
  kindOf,
  outputOf,
  requestFor,
  resultIn,
  resultWith,
  specOf,
  startTestGrid,
  type TestClient,
  type TestGrid,
  until,
} from './testing/grid-bed.ts';

let grid: TestGrid | undefined;
afterEach(async () => {
  await grid?.end();
  grid = undefined;
});

/** Longer than any test: what waits is stored for another reason, or not at all. */
const NEVER = 3_600_000;
const SOURCE = 'int f(void) { return 1; }\n';
const blobs = [blobOf(SOURCE)];
/** Compiles of one source in other directories: as many actions. */
const specIn = (directory: string) => specOf(SOURCE, { cwd: Buffer.from(directory) });
const onDisk = (g: TestGrid): number => globSync(`${g.dataDir}/v1/actions/*/*`).length;
const blobFile = (g: TestGrid, content: string): string[] =>
  globSync(`${g.dataDir}/v1/blobs/*/${blobOf(content).digest.toString('hex')}`);

/** With a worker that answers every task with an object that says for which directory it is. */
async function start(more: Partial<CoordinatorOptions>): Promise<{ g: TestGrid; client: TestClient }> {
  const g = await startTestGrid({ quietMs: NEVER, ...more });
  grid = g;
  const worker = await g.worker('w1', { slots: 8 });
  worker.onTask = (task) => worker.finish(task, resultWith(`object for ${task.spec?.cwd}`));
  return { g, client: g.client() };
}

test('a second client gets the shared hit while storing still waits', async () => {
  const { g, client } = await start({});
  const first = resultIn(await client.compile(specIn('/a'), { blobs }));
  expect(onDisk(g)).toBe(0);
  expect(await client.call<object, HealthCheckResponse>('healthCheck', {})).toMatchObject({ storedResults: 1n });
  const second = resultIn(await g.client().compile(specIn('/a'), { storedOnly: true }));
  expect(second).toEqual({ ...first, fromCache: true, queueMs: 0 });
  expect(onDisk(g)).toBe(1);
  expect(await client.call<object, HealthCheckResponse>('healthCheck', {})).toMatchObject({ storedResults: 1n });
});

test('once nothing is under way what waits is stored, and not before', async () => {
  const g = await startTestGrid({ quietMs: 5 });
  grid = g;
  const worker = await g.worker('w1', { slots: 8 });
  const answers = ['/a', '/b'].map((directory) => g.client().compile(specIn(directory), { blobs }));
  await until(() => worker.tasks.length === 2);
  worker.finish(worker.tasks[0], resultWith('first'));
  await Promise.race(answers);
  const patience = Date.now() + 100;
  while (Date.now() < patience) await g.client().call('healthCheck', {});
  expect(onDisk(g)).toBe(0);
  worker.finish(worker.tasks[1], resultWith('second'));
  await Promise.all(answers);
  await until(() => onDisk(g) === 2);
});

test('a lying digest is never stored, and never answered', async () => {
  const g = await startTestGrid({ quietMs: NEVER });
  grid = g;
  const liar = await g.worker('liar', { slots: 1 });
  const lie = outputOf('what it should be', { data: Buffer.from('what it is, now') });
  liar.onTask = (task) => liar.finish(task, resultWith('', { outputs: [{ ...lie, size: 15n }] }));
  const client = g.client();
  expect(kindOf(await client.compile(specIn('/a'), { blobs }))).toBe('declined internal');
  const { action } = requestFor(specIn('/b'));
  const report = { action, result: resultWith('', { outputs: [{ ...lie, size: 15n }] }), client: 'c' };
  await expect(client.call('reportResult', report)).rejects.toThrow('not what the digest says');
  for (const directory of ['/a', '/b']) {
    expect(kindOf(await client.compile(specIn(directory), { storedOnly: true }))).toBe('declined stored-only');
  }
  await g.restart();
  expect([onDisk(g), blobFile(g, 'what it should be')]).toEqual([0, []]);
});

test('one answer serves all who wait, and it was proved for all of them', async () => {
  const g = await startTestGrid({ quietMs: NEVER });
  grid = g;
  const liar = await g.worker('liar', { slots: 1 });
  const answers = [g.client(), g.client()].map((client) => client.compile(specIn('/a'), { blobs }));
  await until(() => liar.tasks.length === 1);
  const honest = await g.worker('honest', { slots: 1 });
  honest.onTask = (task) => honest.finish(task, resultWith('true'));
  liar.finish(liar.tasks[0], resultWith('', { outputs: [outputOf('true', { data: Buffer.from('lies') })] }));
  for (const answer of answers) {
    expect(resultIn(await answer)).toMatchObject({ workerId: 'honest', outputs: [{ data: Buffer.from('true') }] });
  }
});

test('on a full disk everybody is answered, and nothing that is half there is kept', async () => {
  const { g, client } = await start({ diskBytes: 40_000 });
  const large = randomBytes(60_000);
  const worker = await g.worker('w2', { slots: 1 });
  worker.onTask = (task) => worker.finish(task, resultWith(large));
  for (let i = 0; i < 2; i += 1) {
    const { outputs } = resultIn(await client.compile(specIn('/large'), { blobs, worker: 'w2' }));
    expect(outputs[0]?.data.equals(large)).toBe(true);
  }
  expect(worker.tasks).toHaveLength(2);
  expect(kindOf(await client.compile(specIn('/large'), { storedOnly: true }))).toBe('declined stored-only');
  expect([onDisk(g), globSync(`${g.dataDir}/v1/tmp/*`)]).toEqual([0, []]);
  const small = resultIn(await client.compile(specIn('/small'), { blobs, worker: 'w1' }));
  expect(small.outputs[0]?.data.toString()).toBe('object for /small');
});

test('a coordinator that stops stores what waits', async () => {
  const { g, client } = await start({});
  for (const directory of ['/a', '/b', '/c']) await client.compile(specIn(directory), { blobs });
  expect(onDisk(g)).toBe(0);
  await g.restart();
  expect(onDisk(g)).toBe(3);
  for (const directory of ['/a', '/b', '/c']) {
    const stored = resultIn(await g.client().compile(specIn(directory), { storedOnly: true }));
    expect(stored.outputs[0]?.data.toString()).toBe(`object for ${directory}`);
  }
});

test.each([
  ['results', { results: 2, bytes: 1 << 20 }, 2],
  // An object for a directory with its warning and its list is 37 bytes.
  ['bytes', { results: 100, bytes: 80 }, 2],
  ['bytes, and it is one result', { results: 100, bytes: 10 }, 0],
])('no more than so many %s wait: the oldest are stored', async (_name, lateLimits, wait) => {
  const { g, client } = await start({ lateLimits });
  const directories = ['/a', '/b', '/c', '/d', '/e'];
  for (const directory of directories) await client.compile(specIn(directory), { blobs });
  expect(onDisk(g)).toBe(directories.length - wait);
  expect(blobFile(g, 'object for /a')).toHaveLength(1);
  expect(blobFile(g, 'object for /e')).toHaveLength(wait === 0 ? 1 : 0);
});

test('a result with contents of its own in the store is stored at once: they could be evicted meanwhile', async () => {
  const { g, client } = await start({});
  const large = Buffer.alloc(600_000, 'x');
  await fetch(`${g.url}/blobs/${blobOf(large).digest.toString('hex')}`, { method: 'PUT', body: large });
  const worker = await g.worker('w2');
  worker.onTask = (task) =>
    worker.finish(task, resultWith('', { outputs: [outputOf(large, { data: Buffer.alloc(0) }), outputOf('small')] }));
  await client.compile(specIn('/a'), { blobs, worker: 'w2' });
  expect(onDisk(g)).toBe(1);
});

test('of two results for one action the first is kept, and a client’s own waits like any other', async () => {
  const { g, client } = await start({});
  const { action } = requestFor(specIn('/a'));
  for (const content of ['first', 'second']) {
    await client.call('reportResult', { action, result: resultWith(content), client: 'c' });
  }
  expect(onDisk(g)).toBe(0);
  const stored = resultIn(await client.compile(specIn('/a'), { storedOnly: true }));
  expect(stored.outputs[0]?.data.toString()).toBe('first');
});
