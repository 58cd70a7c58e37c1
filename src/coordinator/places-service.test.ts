import { afterEach, expect, test } from 'vitest';
import type { Digest } from '../base/digest.ts';
import { nameOf } from '../contract/compile-name.ts';
import { actionOf } from '../contract/digests.ts';
import type {
  CompileSpec,
  GetWorkerStatusResponse,
  GetWorkersForBuildResponse,
  GrantMessage,
  PlaceAnswer,
  PlaceAsk,
  Task,
} from '../contract/generated/hybridgrid/v1/build.ts';
import { isTicketFor } from '../contract/ticket.ts';
import {
  blobOf,
  kindOf,
  resultIn,
  resultWith,
  specOf,
  startTestGrid,
  type TestClient,
  type TestGrid,
  type TestWorker,
  until,
} from './testing/grid-bed.ts';

let grid: TestGrid | undefined;
afterEach(async () => {
  await grid?.end();
  grid = undefined;
});

const SOURCE = 'int f(void) { return 1; }\n';
const ADDRESS = '127.0.0.1:4711';
const specIn = (directory: string): CompileSpec => specOf(SOURCE, { cwd: Buffer.from(directory) });

function askFor(ask: number, spec: CompileSpec, more: Partial<PlaceAsk> = {}): PlaceAsk {
  return {
    ask,
    action: Buffer.from(actionOf(spec), 'hex'),
    arch: spec.arch,
    toolchain: spec.toolchain?.digest ?? Buffer.alloc(0),
    name: nameOf(spec),
    ignoreStored: false,
    inDoubt: [],
    timeoutMs: 0,
    ...more,
  };
}

/** A client's stream of places. */
function placing(from: TestClient, client = 'client') {
  const stream = from.service.places(from.metadata);
  const messages: GrantMessage[] = [];
  stream.on('data', (message: GrantMessage) => messages.push(message));
  stream.on('error', () => {});
  const answerOf = (ask: number): PlaceAnswer['answer'] =>
    messages.flatMap(({ answers }) => answers).find((answer) => answer.ask === ask)?.answer;
  return {
    messages,
    ask: (...asks: PlaceAsk[]) => void stream.write({ client, asks, withdrawn: [] }),
    withdraw: (...withdrawn: number[]) => void stream.write({ client, asks: [], withdrawn }),
    has: (ask: number) => answerOf(ask) !== undefined,
    async answer(ask: number) {
      await until(() => answerOf(ask) !== undefined, `the answer to ${ask}`);
      return answerOf(ask);
    },
    async grant(ask: number) {
      const answer = await this.answer(ask);
      if (answer?.$case !== 'grant') throw new Error(`no grant: ${JSON.stringify(answer?.$case)}`);
      return answer.value;
    },
    leave: () => stream.cancel(),
  };
}

const freeSlots = async (client: TestClient): Promise<number> =>
  (await client.call<object, GetWorkersForBuildResponse>('getWorkersForBuild', { toolchains: [] })).freeSlots;

async function untilFree(client: TestClient, slots: number): Promise<void> {
  const began = Date.now();
  while ((await freeSlots(client)) !== slots)
    if (Date.now() - began > 5_000) throw new Error(`there are not ${slots} free slots`);
}

const task = (taskId: string): Task => ({ taskId }) as Task;
/** As a worker that takes tickets does when one is taken back. */
const endWhatIsCancelled = (worker: TestWorker): void =>
  void setInterval(() => {
    for (const taskId of worker.cancelled.splice(0)) worker.decline(task(taskId), 'client-gone');
  }, 2).unref();

async function start(more: Parameters<typeof startTestGrid>[0] = {}) {
  const g = await startTestGrid(more);
  grid = g;
  return { g, worker: await g.worker('w1', { listens: ADDRESS }), client: g.client() };
}

test('places that are asked for together are granted together, with tickets that the worker takes', async () => {
  const { worker, client } = await start();
  const line = placing(client, 'me');
  line.ask(askFor(1, specIn('/a')), askFor(2, specIn('/b')));
  const grant = await line.grant(1);
  expect(line.messages).toHaveLength(1);
  expect(grant).toMatchObject({ workerId: 'w1', address: ADDRESS });
  const terms = {
    taskId: grant.taskId,
    action: actionOf(specIn('/a')),
    client: 'me',
    workerId: 'w1',
    expiresMs: Number(grant.expiresUnixMs),
  };
  expect(terms.expiresMs).toBeGreaterThan(Date.now());
  expect(isTicketFor(worker.ticketKey, terms, grant.ticket)).toBe(true);
  for (const other of [
    { taskId: 'x' },
    { action: actionOf(specIn('/b')) },
    { client: 'you' },
    { workerId: 'w2' },
    { expiresMs: terms.expiresMs + 1 },
  ])
    expect(isTicketFor(worker.ticketKey, { ...terms, ...other }, grant.ticket)).toBe(false);
  expect(isTicketFor(Buffer.alloc(0), terms, grant.ticket)).toBe(false);
  expect(await freeSlots(client)).toBe(0);
  // Nothing was sent to the worker: the client goes there.
  expect(worker.tasks).toEqual([]);
});

test('what the worker tells is stored, and answers whoever asks next, in one round trip', async () => {
  const { worker, client } = await start();
  const line = placing(client);
  line.ask(askFor(1, specIn('/a')));
  const { taskId } = await line.grant(1);
  worker.say({ $case: 'started', value: taskId });
  worker.finish(task(taskId), resultWith('object'));
  await untilFree(client, 2);
  const other = placing(grid?.client() ?? client, 'other');
  other.ask(askFor(1, specIn('/a')));
  const answer = await other.answer(1);
  expect(answer).toMatchObject({ $case: 'result', value: { fromCache: true, workerId: 'w1' } });
  // Not where no stored result is wanted.
  other.ask(askFor(2, specIn('/a'), { ignoreStored: true }));
  await other.grant(2);
});

test('who asks for the same meanwhile waits for the one who compiles it, and compiles where that one gives up', async () => {
  const { worker, client, g } = await start();
  endWhatIsCancelled(worker);
  const [first, second] = [placing(client, 'one'), placing(g.client(), 'two')];
  first.ask(askFor(1, specIn('/a')), askFor(2, specIn('/b')));
  const [a, b] = [await first.grant(1), await first.grant(2)];
  second.ask(askFor(1, specIn('/a')), askFor(2, specIn('/b')));
  const old = client.compile(specIn('/a'), { blobs: [blobOf(SOURCE)] });
  await expect(Promise.race([second.answer(1), second.answer(2), pause(100)])).resolves.toBe('paused');
  worker.say({ $case: 'started', value: a.taskId });
  worker.finish(task(a.taskId), resultWith('object'));
  expect((await second.answer(1))?.$case).toBe('result');
  expect(resultIn(await old).workerId).toBe('w1');
  first.withdraw(2);
  expect((await second.grant(2)).taskId).not.toBe(b.taskId);
  expect(worker.tasks).toEqual([]);
});

const pause = (ms: number): Promise<string> => new Promise((resolve) => setTimeout(() => resolve('paused'), ms));

test('a compile sent whole is done by the coordinator where the one who had a place for it gives up', async () => {
  const { worker, client } = await start();
  endWhatIsCancelled(worker);
  worker.onTask = (given) => worker.finish(given, resultWith('object'));
  const line = placing(client);
  line.ask(askFor(1, specIn('/a')));
  await line.grant(1);
  const old = client.compile(specIn('/a'), { blobs: [blobOf(SOURCE)] });
  line.withdraw(1);
  expect(resultIn(await old).workerId).toBe('w1');
});

test('a place that nobody comes to is free again, and its worker is not blamed', async () => {
  const { worker, client, g } = await start({ placeMs: 1_500 });
  endWhatIsCancelled(worker);
  const line = placing(client);
  line.ask(askFor(1, specIn('/a')), askFor(2, specIn('/b')));
  const { taskId } = await line.grant(1);
  worker.say({ $case: 'started', value: taskId });
  await untilFree(client, 1);
  await pause(100);
  expect(await freeSlots(client)).toBe(1);
  worker.finish(task(taskId), resultWith('object'));
  await untilFree(client, 2);
  const { workers } = await client.call<object, GetWorkerStatusResponse>('getWorkerStatus', {});
  expect(workers[0]).toMatchObject({ failedTasks: 0n, circuit: 'closed', completedTasks: 1n });
  expect(g.logged.filter(({ message }) => /lost|cannot/.test(message))).toEqual([]);
});

test('what a client that is gone was given is taken back, running or not', async () => {
  const { worker, client, g } = await start();
  const line = placing(g.client());
  line.ask(askFor(1, specIn('/a')), askFor(2, specIn('/b')), askFor(3, specIn('/c')));
  const [a, b] = [await line.grant(1), await line.grant(2)];
  worker.say({ $case: 'started', value: a.taskId });
  line.leave();
  await until(() => worker.cancelled.length === 2, 'both are cancelled');
  expect([...worker.cancelled].sort()).toEqual([a.taskId, b.taskId].sort());
  endWhatIsCancelled(worker);
  await untilFree(client, 2);
  // The third never had a place, and gets none.
  expect(line.has(3)).toBe(false);
});

test('workers that cannot be reached: the coordinator is to see to it, and no slot is kept', async () => {
  const g = await startTestGrid();
  grid = g;
  await g.worker('old', { listens: '' });
  const line = placing(g.client());
  line.ask(askFor(1, specIn('/a')));
  expect((await line.answer(1))?.$case).toBe('relayed');
  await g.worker('odd', { listens: 'nonsense', arch: 'aarch64' });
  await g.worker('new', { listens: '10.9.8.7:9', arch: 'aarch64' });
  line.ask(askFor(2, specIn('/b')));
  // There is one with an address, but it is another's turn.
  expect((await line.answer(2))?.$case).toBe('relayed');
  await untilFree(g.client(), 6);
  line.ask(askFor(3, specIn('/c'), { arch: 'riscv64' }));
  expect((await line.answer(3))?.$case).toBe('relayed');
});

test('what a worker declines goes to no other: the client asks the coordinator', async () => {
  const { worker, client, g } = await start();
  const line = placing(client);
  line.ask(askFor(1, specIn('/a')));
  const { taskId } = await line.grant(1);
  const other = await g.worker('w2', { listens: ADDRESS });
  worker.say({ $case: 'started', value: taskId });
  worker.decline(task(taskId), 'internal');
  await untilFree(client, 4);
  expect(other.tasks).toEqual([]);
  other.onTask = (given) => other.finish(given, resultWith('object'));
  worker.onTask = (given) => worker.finish(given, resultWith('object'));
  expect(kindOf(await client.compile(specIn('/a'), { blobs: [blobOf(SOURCE)] }))).toBe('result');
});

test('inputs in doubt are asked for before a slot is taken; nonsense is declined', async () => {
  const { client } = await start();
  const line = placing(client);
  const lacking = blobOf('a header').digest;
  line.ask(askFor(1, specIn('/a'), { inDoubt: [lacking] }), askFor(2, specIn('/a'), { action: Buffer.alloc(3) }));
  const answer = await line.answer(1);
  expect(answer).toEqual({ $case: 'missing', value: { digests: [lacking] } });
  expect(await line.answer(2)).toMatchObject({ $case: 'declined', value: { reason: 'not-acceptable' } });
  expect(await freeSlots(client)).toBe(2);
  const put = await fetch(`${grid?.url}/blobs/${lacking.toString('hex') as Digest}`, {
    method: 'PUT',
    body: 'a header',
  });
  expect(put.status).toBe(201);
  line.ask(askFor(3, specIn('/a'), { inDoubt: [lacking] }));
  await line.grant(3);
});

test('a compile that is late is granted to an idle worker as well, and the first result ends both', async () => {
  const { worker, client, g } = await start({ heartbeatMs: 1_000 });
  const line = placing(client);
  line.ask(askFor(1, specIn('/a')));
  const { taskId } = await line.grant(1);
  worker.say({ $case: 'started', value: taskId });
  const other = await g.worker('w2', { listens: ADDRESS });
  const beating = setInterval(() => other.say({ $case: 'heartbeat', value: BEAT }), 50);
  const grants = () =>
    line.messages.flatMap(({ answers }) =>
      answers.flatMap(({ answer }) => (answer?.$case === 'grant' ? [answer.value] : [])),
    );
  // The first says nothing any more, and is suspect before it is lost.
  await until(() => grants().length === 2, 'a second grant');
  expect(grants()[1]).toMatchObject({ taskId, workerId: 'w2' });
  other.say({ $case: 'started', value: taskId });
  other.finish(task(taskId), resultWith('object'));
  await until(() => worker.cancelled.includes(taskId) || worker.ended !== undefined, 'the first is stopped');
  const next = placing(client);
  next.ask(askFor(1, specIn('/a')));
  expect(await next.answer(1)).toMatchObject({ $case: 'result', value: { workerId: 'w2' } });
  clearInterval(beating);
});

const BEAT = { running: 0, loadPercent: 0, diskFreeBytes: 0n };

test('a worker in quarantine stops what clients brought to it', async () => {
  const { worker, client } = await start();
  const line = placing(client);
  line.ask(askFor(1, specIn('/a')), askFor(2, specIn('/b')));
  const [a, b] = [await line.grant(1), await line.grant(2)];
  for (const { taskId } of [a, b]) worker.say({ $case: 'started', value: taskId });
  worker.finish(task(a.taskId), resultWith('object'));
  await untilFree(client, 1);
  const verdict = await client.call('reportMismatch', {
    action: Buffer.from(actionOf(specIn('/a')), 'hex'),
    workerId: 'w1',
    output: 'object',
    delivered: blobOf('object').digest,
    plain: blobOf('another').digest,
    offset: 0n,
    client: 'client',
  });
  expect(verdict).toMatchObject({ dropped: true, quarantined: true });
  await until(() => worker.cancelled.includes(b.taskId), 'the other one is stopped');
});
