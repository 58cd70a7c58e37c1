import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import {
  BuildServiceService,
  type GetWorkerStatusResponse,
  type HealthCheckResponse,
  type ReportResultResponse,
  WorkerMessage,
} from '../contract/generated/hybridgrid/v1/build.ts';
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

async function start(more: Partial<CoordinatorOptions> = {}): Promise<TestGrid> {
  grid = await startTestGrid(more);
  return grid;
}

const health = (client: TestClient): Promise<HealthCheckResponse> => client.call('healthCheck', {});
const isError = (code: status) => (error: unknown) => expect(error).toMatchObject({ code });

/** A unary call whose message is any bytes. */
function raw(client: TestClient, path: string, message: Buffer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.service.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      message,
      client.metadata,
      (error, answer) => (error === null ? resolve(answer) : reject(error)),
    ); // prettier-ignore
  });
}

/** A bidirectional call whose messages are any bytes; resolves with its end. */
function rawAttach(client: TestClient, messages: readonly Buffer[]): Promise<ServiceError> {
  return new Promise((resolve) => {
    const stream = client.service.makeBidiStreamRequest(
      BuildServiceService.attach.path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      client.metadata,
    );
    stream.on('error', (error: ServiceError) => resolve(error));
    stream.on('data', () => {});
    for (const message of messages) stream.write(message);
  });
}

test('every call takes the token', async () => {
  const g = await start({ token: 'secret-token' });
  for (const token of [undefined, 'wrong', 'secret-token2', 'secret-toke']) {
    const client = g.client(token);
    if (token === undefined) client.metadata.remove('authorization');
    for (const { path, requestStream, responseStream } of Object.values(BuildServiceService)) {
      if (responseStream) isError(status.UNAUTHENTICATED)(await rawAttach(client, [Buffer.alloc(0)]));
      else if (requestStream) continue;
      else await raw(client, path, randomBytes(2000)).then(() => expect.fail(path), isError(status.UNAUTHENTICATED));
    }
    const worker = await g.worker('w1').finally(() => undefined);
    worker.leave();
  }
  expect((await health(g.client())).healthy).toBe(true);
});

test('jobs are not there yet, and it says so', async () => {
  const g = await start();
  const client = g.client();
  await client.call('build', { taskId: '' }).then(() => expect.fail(), isError(status.UNIMPLEMENTED));
  const error = await new Promise((resolve) => {
    const call = client.service.streamBuild(client.metadata, (failure) => resolve(failure));
    call.on('error', () => {});
    for (let i = 0; i < 100; i += 1) call.write({ data: Buffer.alloc(10_000) });
    call.end();
  });
  isError(status.UNIMPLEMENTED)(error);
  expect((error as ServiceError).details).toContain('jobs');
});

test('garbage in messages, frames and connections is its sender’s problem', async () => {
  const g = await start();
  const worker = await g.worker('w1');
  for (let i = 0; i < 200; i += 1) {
    for (const name of ['compile', 'reportResult', 'handshake', 'healthCheck'] as const) {
      await raw(g.client(), BuildServiceService[name].path, randomBytes(i * 5)).catch(() => undefined);
    }
    if (i % 10 === 0) g.client().close();
  }
  for (const port of [g.running.grpcPort, g.running.httpPort]) {
    for (const bytes of [randomBytes(10_000), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(0)]) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(Buffer.concat([bytes, randomBytes(5000)]));
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
    }
  }
  worker.onTask = (task) => worker.finish(task, resultWith('object code'));
  expect(kindOf(await g.client().compile(specOf('int x;'), { blobs: [blobOf('int x;')] }))).toBe('result');
});

test('damaged requests are refused and never end the coordinator', async () => {
  const g = await start();
  await g.worker('w1');
  const client = g.client();
  const { compile } = BuildServiceService;
  const whole = compile.requestSerialize(requestFor(specOf('int x;'), { blobs: [blobOf('int x;')], timeoutMs: 50 }));
  for (let i = 0; i < 300; i += 1) {
    const damaged = Buffer.from(whole);
    for (let k = 0; k <= i % 3; k += 1)
      damaged[Math.floor(Math.random() * damaged.length)] = Math.floor(Math.random() * 256);
    await raw(client, compile.path, i % 5 === 0 ? damaged.subarray(0, i % whole.length) : damaged).catch(
      () => undefined,
    );
  }
  expect((await health(client)).healthy).toBe(true);
});

test('a message above 64 MiB is refused', async () => {
  const g = await start();
  const client = g.client();
  await client
    .compile(specOf('x'), { blobs: [{ digest: Buffer.alloc(32), data: Buffer.alloc(65 << 20) }] })
    .then(() => expect.fail(), isError(status.RESOURCE_EXHAUSTED));
  expect((await health(client)).healthy).toBe(true);
});

const hello = (more: object): Buffer =>
  Buffer.from(
    WorkerMessage.encode({
      message: {
        $case: 'hello',
        value: {
          workerId: 'w',
          hostname: '',
          cpuCores: 1,
          memoryBytes: 1n,
          diskBytes: 1n,
          arch: 'x86_64',
          os: 'linux',
          version: '',
          slots: 1,
          gpus: [],
          toolchains: [],
          engine: '',
          isolation: 'namespaces',
          listens: '',
          ...more,
        },
      },
    }).finish(),
  ); // prettier-ignore

test('a stream that does not introduce itself properly is ended', async () => {
  const g = await start();
  const client = g.client();
  const beat = WorkerMessage.encode({ message: { $case: 'draining', value: true } }).finish();
  const refused = { code: status.INVALID_ARGUMENT };
  expect(await rawAttach(client, [Buffer.from(beat)])).toMatchObject(refused);
  expect(await rawAttach(client, [Buffer.alloc(0)])).toMatchObject(refused);
  for (const more of [
    { workerId: '' },
    { workerId: 'x'.repeat(129) },
    { workerId: 'a\nb' },
    { slots: 5000 },
    { arch: '' },
  ]) {
    expect(await rawAttach(client, [hello(more)])).toMatchObject(refused);
    const shaken = await client.call('handshake', { capabilities: undefined });
    expect(shaken).toMatchObject({ accepted: false, heartbeatMs: 10_000, coordinatorVersion: 'test' });
  }
  expect(await rawAttach(client, [randomBytes(50)])).toHaveProperty('code');
  const status1: GetWorkerStatusResponse = await client.call('getWorkerStatus', {});
  expect(status1.workers).toEqual([]);
  expect(await rawAttach(client, [hello({ workerId: 'then-garbage' }), randomBytes(500)])).toHaveProperty('code');
  await until(() => g.logged.some(({ message }) => message === 'a worker left'));
  expect((await health(client)).workers).toBe(0);
});

test('of two workers with one id the newer counts', async () => {
  const g = await start();
  const older = await g.worker('w1', { slots: 1 });
  const client = g.client();
  const answer = client.compile(specOf('int x;'), { blobs: [blobOf('int x;')] });
  await until(() => older.tasks.length === 1);
  const helper = await g.worker('w2', { slots: 1 });
  const newer = await g.worker('w1', { slots: 1, cpuCores: 64 });
  await until(() => older.ended !== undefined);
  expect(older.ended).toMatchObject({ code: status.ABORTED, details: 'attached again' });
  await until(() => helper.tasks.length === 1);
  older.finish(older.tasks[0], resultWith('old'));
  helper.finish(helper.tasks[0], resultWith('helped'));
  expect(resultIn(await answer).workerId).toBe('w2');
  const found: GetWorkerStatusResponse = await client.call('getWorkerStatus', {});
  expect(found.workers.map(({ capabilities }) => [capabilities?.workerId, capabilities?.cpuCores])).toEqual([
    ['w1', 64],
    ['w2', 4],
  ]);
  newer.onTask = (task) => newer.finish(task, resultWith('new'));
  expect(resultIn(await client.compile(specOf('int x;'), { worker: 'w1', ignoreStored: true })).workerId).toBe('w1');
});

test('a draining worker finishes what it has and gets nothing new', async () => {
  const g = await start();
  const worker = await g.worker('w1', { slots: 2 });
  const client = g.client();
  const answer = client.compile(specOf('int x;'), { blobs: [blobOf('int x;')] });
  await until(() => worker.tasks.length === 1);
  worker.say({ $case: 'draining', value: true });
  for (let capacity = 2; capacity > 0; )
    capacity = (await client.call<object, { slots: number }>('getWorkersForBuild', { toolchains: [] })).slots;
  expect(kindOf(await client.compile(specOf('int y;')))).toBe('declined no-worker');
  worker.finish(worker.tasks[0], resultWith('object code'));
  expect(resultIn(await answer).workerId).toBe('w1');
});

test('status tells what is there', async () => {
  const g = await start();
  const worker = await g.worker('w1', { slots: 3 });
  const client = g.client();
  const answer = client.compile(specOf('int x;'), { blobs: [blobOf('int x;')] });
  await until(() => worker.tasks.length === 1);
  expect(await health(client)).toMatchObject({
    healthy: true,
    activeTasks: 1,
    queuedTasks: 0,
    workers: 1,
    slots: 3,
    version: 'test',
    httpPort: g.running.httpPort,
    storedResults: 0n,
  }); // prettier-ignore
  expect(await client.call('getWorkersForBuild', { toolchains: [] })).toEqual({ workers: 1, slots: 3, freeSlots: 2 });
  worker.finish(worker.tasks[0], resultWith('object code', { compileMs: 50, cpuMs: 20 }));
  await answer;
  const { workers, totalWorkers, healthyWorkers }: GetWorkerStatusResponse = await client.call('getWorkerStatus', {});
  expect([totalWorkers, healthyWorkers]).toEqual([1, 1]);
  expect(workers[0]).toMatchObject({
    activeTasks: 0,
    completedTasks: 1n,
    failedTasks: 0n,
    latencyMs: 30,
    circuit: 'closed',
    draining: false,
  });
  expect(Math.abs(Number(workers[0]?.lastHeartbeatUnixMs) - Date.now())).toBeLessThan(5000);
  expect(await client.call('reportCacheHit', { hits: 5n, client: 'c' })).toEqual({ acknowledged: true });
  expect(await health(client)).toMatchObject({ storedResults: 1n, sharedHits: 0n });
});

test('a client’s own result is stored once its contents are there', async () => {
  const g = await start();
  const client = g.client();
  const large = randomBytes(200_000);
  const spec = specOf('int x;');
  const action = requestFor(spec).action;
  const result = resultWith('', {
    outputs: [outputOf(large, { data: Buffer.alloc(0) }), outputOf('a.o: a.c\n', { role: 'depfile' })],
  });
  const report = (more: object): Promise<ReportResultResponse> =>
    client.call('reportResult', { action, result, client: 'c', ...more });
  expect((await report({})).missing).toEqual([blobOf(large).digest]);
  expect(kindOf(await client.compile(spec, { storedOnly: true }))).toBe('declined stored-only');
  await fetch(`${g.url}/blobs/${sha256(large)}`, { method: 'PUT', body: large });
  expect((await report({})).missing).toEqual([]);
  const stored = resultIn(await client.compile(spec, { storedOnly: true }));
  expect(stored).toMatchObject({ fromCache: true, outputs: [{ size: 200_000n }, { data: Buffer.from('a.o: a.c\n') }] });
  for (const more of [
    { result: undefined },
    { action: Buffer.alloc(3) },
    { result: { ...result, exitCode: 1 } },
    { result: resultWith('', { outputs: [outputOf('a', { data: Buffer.from('b') })] }) },
  ]) {
    await report(more).then(() => expect.fail(), isError(status.INVALID_ARGUMENT));
  }
});
