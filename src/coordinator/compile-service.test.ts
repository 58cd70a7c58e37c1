import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nameOf } from '../contract/compile-name.ts';
import {
  blobOf,
  kindOf,
  outputOf,
  resultIn,
  resultWith,
  specOf,
  startTestGrid,
  type TestGrid,
  until,
} from './testing/grid-bed.ts';

let grid: TestGrid;
beforeEach(async () => {
  grid = await startTestGrid({ heartbeatMs: 500 });
});
afterEach(() => grid.end());

const SOURCE = 'int f(void) { return 1; }\n';
const spec = specOf(SOURCE);
const blobs = [blobOf(SOURCE)];

test('what is missing is named, all at once, and a compile goes to a worker and back', async () => {
  const client = grid.client();
  const worker = await grid.worker('w1');
  expect(worker.httpPort).toBe(grid.running.httpPort);
  const two = specOf(SOURCE, { inputs: [...spec.inputs, ...specOf('other').inputs, ...spec.inputs] });
  expect(kindOf(await client.compile(two))).toBe('missing 2');
  expect(kindOf(await client.compile(two, { blobs }))).toBe('missing 1');
  const answer = client.compile(two, { blobs: [blobOf('other')] });
  await until(() => worker.tasks.length === 1);
  expect(worker.tasks[0]?.spec).toEqual(two);
  expect(worker.tasks[0]?.client).toBe('client');
  worker.finish(worker.tasks[0], resultWith('object code'));
  const result = resultIn(await answer);
  expect(result).toEqual(resultWith('object code', { workerId: 'w1', queueMs: result.queueMs }));
});

test('a compiler that a worker lacks is asked for, part by part, and then the worker is asked again', async () => {
  const client = grid.client();
  const worker = await grid.worker('w1');
  const part = blobOf('cc1');
  const value = { digest: part.digest, size: 3n, mtimeNs: 0n, executable: true };
  const parts = [{ path: Buffer.from('/usr/lib/cc1'), node: { $case: 'file', value } as const }];
  const own = specOf(SOURCE, { toolchain: { digest: Buffer.alloc(32, 9), parts } });
  worker.onTask = (task) => worker.decline(task, 'no-toolchain', [part.digest]);
  expect(kindOf(await client.compile(own, { blobs }))).toBe('missing 0');
  expect(kindOf(await client.compile(own))).toBe('missing 1');
  expect(worker.tasks).toHaveLength(1);
  worker.onTask = (task) => worker.finish(task, resultWith('object code'));
  expect(kindOf(await client.compile(own, { blobs: [part] }))).toBe('result');
  expect(worker.tasks).toHaveLength(2);
});

test('a worker that says nothing of parts does not want any', async () => {
  const worker = await grid.worker('w1');
  worker.onTask = (task) => worker.decline(task, 'no-toolchain');
  expect(kindOf(await grid.client().compile(spec, { blobs }))).toBe('declined no-worker');
});

test('a success is stored, survives a restart, and costs no second compile', async () => {
  const worker = await grid.worker('w1');
  worker.onTask = (task) => worker.finish(task, resultWith('object code'));
  const first = resultIn(await grid.client().compile(spec, { blobs }));
  expect(first.fromCache).toBe(false);
  const stored = { ...first, fromCache: true, queueMs: 0 };
  expect(resultIn(await grid.client().compile(spec, { storedOnly: true }))).toEqual(stored);
  await grid.restart();
  expect(resultIn(await grid.client().compile(spec))).toEqual(stored);
  expect(worker.tasks).toHaveLength(1);
});

test('large outputs travel by digest', async () => {
  const large = Buffer.alloc(600_000, 'x');
  const blob = blobOf(large);
  const put = await fetch(`${grid.url}/blobs/${blob.digest.toString('hex')}`, { method: 'PUT', body: large });
  expect(put.status).toBe(201);
  const worker = await grid.worker('w1');
  worker.onTask = (task) =>
    worker.finish(
      task,
      resultWith('', { outputs: [outputOf(large, { data: Buffer.alloc(0) }), outputOf('small', { role: 'depfile' })] }),
    );
  const [object, depfile] = resultIn(await grid.client().compile(spec, { blobs })).outputs;
  expect(object).toMatchObject({ digest: blob.digest, size: 600_000n, data: Buffer.alloc(0) });
  expect(depfile?.data.toString()).toBe('small');
});

test('failures are answered and never stored', async () => {
  const worker = await grid.worker('w1');
  worker.onTask = (task) => worker.finish(task, resultWith('', { exitCode: 1, outputs: [] }));
  const client = grid.client();
  expect(resultIn(await client.compile(spec, { blobs })).exitCode).toBe(1);
  expect(kindOf(await client.compile(spec, { storedOnly: true }))).toBe('declined stored-only');
  expect(resultIn(await client.compile(spec)).exitCode).toBe(1);
  expect(worker.tasks).toHaveLength(2);
});

test('ignore_stored compiles again', async () => {
  const worker = await grid.worker('w1');
  worker.onTask = (task) => worker.finish(task, resultWith(`object ${worker.tasks.length}`));
  const client = grid.client();
  await client.compile(spec, { blobs });
  const again = resultIn(await client.compile(spec, { ignoreStored: true }));
  expect(again.fromCache).toBe(false);
  expect(again.outputs[0]?.data.toString()).toBe('object 2');
});

test('a stored result whose contents are gone is a miss', async () => {
  const worker = await grid.worker('w1');
  worker.onTask = (task) => worker.finish(task, resultWith('object code'));
  const client = grid.client();
  await client.compile(spec, { blobs });
  // Whoever asks for it has it stored.
  await client.compile(spec, { storedOnly: true });
  const { digest } = blobOf('object code');
  const hex = digest.toString('hex');
  rmSync(`${grid.dataDir}/v1/blobs/${hex.slice(0, 1)}/${hex}`);
  expect(resultIn(await client.compile(spec)).fromCache).toBe(false);
  expect(resultIn(await client.compile(spec)).fromCache).toBe(true);
});

test('without a worker of the right kind the client goes home before it uploads anything', async () => {
  const client = grid.client();
  expect(kindOf(await client.compile(spec))).toBe('declined no-worker');
  await grid.worker('w1', { arch: 'aarch64' });
  await grid.worker('w2', { isolation: 'none' });
  expect(kindOf(await client.compile(spec))).toBe('declined no-worker');
});

test('equal compiles at once are one compile, whoever asks', async () => {
  const worker = await grid.worker('w1');
  const clients = [grid.client(), grid.client(), grid.client()];
  const answers = clients.map((client, i) => client.compile(spec, { blobs, client: `c${i}` }));
  await until(() => worker.tasks.length === 1);
  await clients[0]?.call('healthCheck', {});
  worker.finish(worker.tasks[0], resultWith('object code'));
  for (const answer of answers) expect(resultIn(await answer).outputs[0]?.data.toString()).toBe('object code');
  expect(worker.tasks).toHaveLength(1);
});

test('a waiter outlives the one who asked first; with the last one the work is cancelled', async () => {
  const worker = await grid.worker('w1', { slots: 1 });
  const [one, two] = [grid.client(), grid.client()];
  const first = one.compiling(spec, { blobs });
  await until(() => worker.tasks.length === 1);
  const second = two.compiling(spec, { blobs });
  await two.call('healthCheck', {});
  await two.call('healthCheck', {});
  first.cancel();
  await expect(first.answer).rejects.toThrow('CANCELLED');
  await one.call('healthCheck', {});
  expect(worker.cancelled).toEqual([]);
  worker.finish(worker.tasks[0], resultWith('object code'));
  expect(resultIn(await second.answer).outputs[0]?.data.toString()).toBe('object code');

  const other = specOf(SOURCE, { cwd: Buffer.from('/elsewhere') });
  const alone = one.compiling(other, { blobs });
  await until(() => worker.tasks.length === 2);
  alone.cancel();
  await expect(alone.answer).rejects.toThrow('CANCELLED');
  await until(() => worker.cancelled.length === 1);
  expect(worker.cancelled).toEqual([worker.tasks[1]?.taskId]);
  // Its slot is free once it says that it stopped.
  const next = two.compile(specOf(SOURCE, { cwd: Buffer.from('/third') }), { blobs });
  worker.decline(worker.tasks[1], 'cancelled');
  await until(() => worker.tasks.length === 3);
  worker.finish(worker.tasks[2], resultWith('third'));
  expect(resultIn(await next).outputs[0]?.data.toString()).toBe('third');
});

test('a lost or declining worker costs one more try, a second one sends the client home', async () => {
  const one = await grid.worker('w1', { slots: 1 });
  const client = grid.client();
  const answer = client.compile(spec, { blobs });
  await until(() => one.tasks.length === 1);
  const two = await grid.worker('w2', { slots: 1 });
  one.leave();
  await until(() => two.tasks.length === 1);
  two.decline(two.tasks[0], 'internal');
  expect(kindOf(await answer)).toBe('declined internal');
});

test('a silent worker is dropped and its task goes elsewhere', async () => {
  const silent = await grid.worker('silent', { slots: 1 });
  const answer = grid.client().compile(spec, { blobs });
  await until(() => silent.tasks.length === 1);
  const alive = await grid.worker('alive', { slots: 1 });
  const beating = setInterval(
    () => alive.say({ $case: 'heartbeat', value: { running: 0, loadPercent: 0, diskFreeBytes: 0n } }),
    200,
  );
  alive.onTask = (task) => alive.finish(task, resultWith('object code'));
  expect(resultIn(await answer).workerId).toBe('alive');
  // Long before it counts as lost: the idle one runs what it has as well, and the first answer counts.
  expect(silent.ended).toBeUndefined();
  await until(() => silent.cancelled.length === 1);
  expect(silent.cancelled).toEqual([silent.tasks[0]?.taskId]);
  clearInterval(beating);
  await until(() => silent.ended !== undefined);
  expect(silent.ended).toMatchObject({ code: 10, details: 'no heartbeat' });
});

test('a request ends at its own time limit', async () => {
  const worker = await grid.worker('w1');
  const client = grid.client();
  expect(kindOf(await client.compile(spec, { blobs, timeoutMs: 100 }))).toBe('declined timeout');
  expect(worker.tasks[0]?.timeoutMs).toBe(100);
  await until(() => worker.cancelled.length === 1);
});

test('a request for one worker goes to no other', async () => {
  const one = await grid.worker('w1');
  const two = await grid.worker('w2');
  one.onTask = (task) => one.finish(task, resultWith('one'));
  two.onTask = (task) => two.finish(task, resultWith('two'));
  const client = grid.client();
  for (let i = 0; i < 4; i += 1) {
    expect(resultIn(await client.compile(spec, { blobs, worker: 'w2', ignoreStored: true })).workerId).toBe('w2');
  }
  expect(kindOf(await client.compile(specOf('x'), { worker: 'w9', blobs: [blobOf('x')] }))).toBe('declined no-worker');
});

test.each([
  ['an action that is another spec’s', { action: Buffer.alloc(32) }],
  ['an action that is no digest', { action: Buffer.alloc(5) }],
  ['no spec', { spec: undefined }],
  ['a blob that is not what it says', { blobs: [{ ...blobOf('a'), data: Buffer.from('b') }] }],
  ['a blob without a digest', { blobs: [{ digest: Buffer.alloc(3), data: Buffer.from('b') }] }],
])('%s is not acceptable', async (_name, more) => {
  await grid.worker('w1');
  expect(kindOf(await grid.client().compile(spec, { blobs, ...more }))).toBe('declined not-acceptable');
});

test.each([
  ['bytes of another digest', outputOf('object', { data: Buffer.from('OBJECT') })],
  ['another size', outputOf('object', { size: 5n })],
  ['contents it never uploaded', outputOf('object', { data: Buffer.alloc(0) })],
  ['no digest', outputOf('object', { digest: Buffer.alloc(0) })],
  ['a digest of something else that is there', outputOf(SOURCE, { data: Buffer.alloc(0), size: 3n })],
])('a worker that answers with %s is not believed', async (_name, output) => {
  const liar = await grid.worker('liar', { slots: 1 });
  liar.onTask = (task) => liar.finish(task, resultWith('', { outputs: [output] }));
  const client = grid.client();
  expect(kindOf(await client.compile(spec, { blobs }))).toBe('declined internal');
  expect(kindOf(await client.compile(spec, { storedOnly: true }))).toBe('declined stored-only');
  const honest = await grid.worker('honest', { slots: 1 });
  honest.onTask = (task) => honest.finish(task, resultWith('honest work'));
  for (let i = 0; i < 6; i += 1) {
    const asked = specOf(SOURCE, { cwd: Buffer.from(`/${i}`) });
    expect(resultIn(await client.compile(asked, { blobs })).workerId).toBe('honest');
  }
});

test('a worker cannot end what it was not given', async () => {
  const thief = await grid.worker('thief', { slots: 0 });
  const worker = await grid.worker('w1');
  const answer = grid.client().compile(spec, { blobs });
  await until(() => worker.tasks.length === 1);
  thief.finish(worker.tasks[0], resultWith('forged'));
  thief.decline(worker.tasks[0], 'internal');
  await grid.client().call('healthCheck', {});
  worker.finish(worker.tasks[0], resultWith('true'));
  expect(resultIn(await answer).outputs[0]?.data.toString()).toBe('true');
});

test('a compile has the same name before and after an edit, and another one than its neighbour', () => {
  const cwd = Buffer.from('/src');
  const object = (path: string) => [{ role: 'object', path: Buffer.from(path), required: true }];
  const name = nameOf(specOf(SOURCE, { cwd, outputs: object('a.o') }));
  expect(nameOf(specOf('int g(void);', { cwd, outputs: object('a.o') }))).toBe(name);
  expect(nameOf(specOf(SOURCE, { cwd, outputs: object('b.o') }))).not.toBe(name);
  expect(nameOf(specOf(SOURCE, { cwd: Buffer.from('/src2'), outputs: object('a.o') }))).not.toBe(name);
  expect(nameOf(specOf(SOURCE, { cwd, outputs: [] }))).toHaveLength(name.length);
});
