/** A worker's own door: what comes through it with a ticket, and what does not come through. */
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect } from 'vitest';
import { testWith } from '../../test/bed/tools.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { packBlobs } from '../contract/blob-pack.ts';
import { actionOf } from '../contract/digests.ts';
import {
  type CompileResponse,
  CompileSpec,
  type RunRequest,
  type TaskEnded,
  WorkerServiceClient,
} from '../contract/generated/hybridgrid/v1/build.ts';
import { packSpec } from '../contract/raw-spec.ts';
import { type TicketTerms, ticketFor } from '../contract/ticket.ts';
import { nsrun, program, sandboxes, temporaryDirectory } from './testing/bed.ts';
import { type BlobHost, blobHost } from './testing/blobs.ts';
import { shippedSpec, type TestCoordinator, TICKET_KEY, testCoordinator } from './testing/coordinator.ts';
import { serveWorker, type WorkerOptions } from './worker.ts';

let blobs: BlobHost;
let coordinator: TestCoordinator;
let stop: AbortController;
let left: Promise<void> | undefined;
let clients: WorkerServiceClient[];
let compiler: string;

const TOKEN = 'the-token';
/** The source says what it does. */
const COMPILER = `
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  char text[4096] = "";
  read(open("a.c", O_RDONLY), text, sizeof text - 1);
  if (strstr(text, "sleep")) for (;;) pause();
  return write(open("a.o", O_WRONLY | O_CREAT, 0644), text, strlen(text)) < 0;
}
`;

beforeEach(async () => {
  blobs = await blobHost();
  coordinator = await testCoordinator({ blobs, token: TOKEN });
  stop = new AbortController();
  clients = [];
  compiler = program(COMPILER);
});

afterEach(async () => {
  for (const client of clients) client.close();
  stop.abort();
  coordinator.kill();
  await left;
  blobs.close();
});

/** Starts a worker; its address. */
async function work(changes: Partial<WorkerOptions> = {}): Promise<string> {
  left = serveWorker({
    coordinator: { host: '127.0.0.1', port: coordinator.port },
    token: TOKEN,
    slots: 1,
    workDir: temporaryDirectory(),
    diskBytes: 1e9,
    workerId: 'w1',
    takesToolchains: true,
    version: '0.0.0',
    log: () => {},
    signal: stop.signal,
    nsrun: nsrun(),
    engine: '',
    listen: { kind: 'auto' },
    insecure: false,
    ...changes,
  });
  const address = (await coordinator.hello()).listens;
  // It takes tickets once it was welcomed, which is when it beats or answers.
  coordinator.say({ $case: 'cancel', value: { taskId: 'never' } });
  await endOf('never');
  return address;
}

function specOf(text: string): CompileSpec {
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'a.c'), text);
  return shippedSpec(compiler, 'a.c', cwd, blobs);
}

interface Changes {
  readonly terms?: Partial<TicketTerms>;
  readonly key?: Buffer;
  readonly request?: Partial<RunRequest>;
}

/** What a client with a ticket sends. */
function requestOf(taskId: string, spec: CompileSpec, { terms, key, request }: Changes = {}): RunRequest {
  const action = actionOf(spec);
  const all = { taskId, action, client: 'me', workerId: 'w1', expiresMs: Date.now() + 10_000, ...terms };
  const { expiresMs, workerId } = all;
  return {
    grant: {
      ...{ taskId: all.taskId, workerId, address: '', expiresUnixMs: BigInt(expiresMs) },
      ticket: ticketFor(key ?? TICKET_KEY, all),
    },
    action: Buffer.from(action, 'hex'),
    client: 'me',
    packedSpec: packSpec(Buffer.from(CompileSpec.encode(spec).finish())),
    packedBlobs: Buffer.alloc(0),
    timeoutMs: 60_000,
    ...request,
  };
}

function run(address: string, request: RunRequest, token = TOKEN) {
  const client = new WorkerServiceClient(address, credentials.createInsecure());
  clients.push(client);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  let cancel = (): void => {};
  const answer = new Promise<CompileResponse['answer']>((resolve, reject) => {
    const call = client.run(request, metadata, (error, found) =>
      error === null ? resolve(found.answer) : reject(error),
    );
    cancel = () => call.cancel();
  });
  return { answer, cancel: () => cancel() };
}

/** What the coordinator is told of a task. */
const endOf = (taskId: string): Promise<TaskEnded['outcome']> =>
  coordinator.hears((m) => (m?.$case === 'ended' && m.value.taskId === taskId ? m.value.outcome : undefined));
const startOf = (taskId: string): Promise<boolean> =>
  coordinator.hears((m) => (m?.$case === 'started' && m.value === taskId ? true : undefined));

const textOf = (answer: CompileResponse['answer']): string =>
  answer?.$case === 'result' ? `${answer.value.outputs[0]?.data}` : JSON.stringify(answer);

async function refusal(address: string, request: RunRequest, token = TOKEN): Promise<string> {
  const error = await run(address, request, token).answer.then(
    (answer) => ({ code: status.OK, details: textOf(answer) }),
    (failed: ServiceError) => failed,
  );
  return `${status[error.code]}: ${error.details}`;
}

testWith([sandboxes], 'a compile with a ticket: the client has the result, and so has the coordinator', async () => {
  const address = await work();
  expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  const answer = await run(address, requestOf('t1', specOf('hello'))).answer;
  expect(textOf(answer)).toBe('hello');
  expect(await startOf('t1')).toBe(true);
  const told = await endOf('t1');
  expect(told).toEqual(answer);
});

testWith(
  [sandboxes],
  'a ticket is good for one compile, by one client, on one worker, once, and for a while',
  async () => {
    const address = await work();
    const spec = specOf('x');
    const other = specOf('y');
    const wrong = 'PERMISSION_DENIED: the ticket is not for this';
    const action = Buffer.from(actionOf(other), 'hex');
    const packedSpec = packSpec(Buffer.from(CompileSpec.encode(other).finish()));
    const misused: readonly Changes[] = [
      { key: Buffer.alloc(32, 8) },
      { terms: { workerId: 'w2' } },
      { terms: { client: 'you' } },
      { terms: { taskId: 'other' }, request: { grant: requestOf('t1', spec).grant, client: 'you' } },
      { request: { action, packedSpec } },
      { request: { grant: undefined } },
      { request: { action: Buffer.alloc(7) } },
    ];
    for (const [i, changes] of misused.entries())
      expect(await refusal(address, requestOf(`m${i}`, spec, changes)), `${i}`).toBe(wrong);
    const late = requestOf('late', spec, { terms: { expiresMs: Date.now() - 5_000 } });
    expect(await refusal(address, late)).toBe('PERMISSION_DENIED: the ticket has expired');
    expect(await refusal(address, requestOf('t', spec), 'another token')).toMatch(/^UNAUTHENTICATED/);
    const good = requestOf('t1', spec);
    expect(textOf(await run(address, good).answer)).toBe('x');
    expect(await refusal(address, good)).toBe('PERMISSION_DENIED: the ticket was used before');
    // The right ticket, with another compile in it.
    expect(textOf(await run(address, requestOf('t2', spec, { request: { packedSpec } })).answer)).toMatch(
      /not-acceptable/,
    );
    expect(await endOf('t2')).toMatchObject({ $case: 'declined', value: { reason: 'not-acceptable' } });
    coordinator.say({ $case: 'cancel', value: { taskId: 't3' } });
    expect(await endOf('t3')).toMatchObject({ $case: 'declined', value: { reason: 'client-gone' } });
    expect(await refusal(address, requestOf('t3', spec))).toBe('PERMISSION_DENIED: the ticket was used before');
  },
);

testWith(
  [sandboxes],
  'what only this compile reads comes with it; what is lacking is asked for, and then it goes on',
  async () => {
    const address = await work();
    const spec = specOf('brought along');
    const source = sha256(Buffer.from('brought along'));
    blobs.blobs.delete(source);
    const request = requestOf('t1', spec);
    const answer = await run(address, request).answer;
    expect(answer).toEqual({ $case: 'missing', value: { digests: [Buffer.from(source, 'hex')] } });
    // It keeps the only slot.
    expect(textOf(await run(address, requestOf('t2', spec)).answer)).toMatch(/no-slot/);
    blobs.put('brought along');
    expect(textOf(await run(address, request).answer)).toBe('brought along');
    expect((await endOf('t1'))?.$case).toBe('result');
    expect(await refusal(address, request)).toBe('PERMISSION_DENIED: the ticket was used before');
    const second = specOf('never uploaded');
    blobs.blobs.delete(sha256(Buffer.from('never uploaded')));
    const data = Buffer.from('never uploaded');
    const packedBlobs = await packBlobs([
      { digest: sha256(data), data },
      { digest: sha256(Buffer.from('something else')) as Digest, data },
    ]);
    expect(textOf(await run(address, requestOf('t3', second, { request: { packedBlobs } })).answer)).toBe(
      'never uploaded',
    );
    const junk = { request: { packedBlobs: Buffer.from('junk') } };
    expect(textOf(await run(address, requestOf('t4', second, junk)).answer)).toMatch(/not-acceptable/);
  },
);

testWith([sandboxes], 'a client that goes away, and a coordinator that takes it back, end the compile', async () => {
  const address = await work();
  const going = run(address, requestOf('t1', specOf('sleep')));
  going.answer.catch(() => {});
  await startOf('t1');
  going.cancel();
  expect(await endOf('t1')).toMatchObject({ $case: 'declined', value: { reason: 'client-gone' } });
  const kept = run(address, requestOf('t2', specOf('sleep')));
  await startOf('t2');
  coordinator.say({ $case: 'cancel', value: { taskId: 't2' } });
  expect(textOf(await kept.answer)).toMatch(/client-gone/);
  expect(textOf(await run(address, requestOf('t3', specOf('still here'))).answer)).toBe('still here');
});

testWith([sandboxes], 'junk at the door changes nothing', async () => {
  const address = await work();
  const [host, port] = address.split(':');
  const sockets: Socket[] = [];
  for (const junk of [
    'GET / HTTP/1.1\r\n\r\n',
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(4096)}`,
    '\0'.repeat(100),
  ]) {
    const socket = connect(Number(port), host);
    socket.on('error', () => {});
    sockets.push(socket);
    await new Promise<void>((resolve) => socket.write(Buffer.from(junk, 'latin1'), () => resolve()));
  }
  expect(
    await refusal(address, requestOf('t0', specOf('x'), { request: { packedSpec: Buffer.from('junk') } })),
  ).toMatch(/not-acceptable/);
  expect(textOf(await run(address, requestOf('t1', specOf('here'))).answer)).toBe('here');
  for (const socket of sockets) socket.destroy();
});

testWith([sandboxes], 'without a coordinator no ticket is taken; after it has come back, only new ones', async () => {
  const address = await work();
  const { port } = coordinator;
  coordinator.kill();
  const away = requestOf('t1', specOf('x'));
  expect(await until(async () => (await refusal(address, away)) === 'PERMISSION_DENIED: not attached')).toBe(true);
  coordinator = await testCoordinator({ blobs, token: TOKEN, port });
  expect((await coordinator.hello()).listens).toBe(address);
});

async function until(check: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + 10_000;
  while (performance.now() < end) if (await check()) return true;
  return false;
}

testWith([sandboxes], 'where it may not or cannot listen it says so and goes on without', async () => {
  const logged: string[] = [];
  const log = (message: string, details?: object): void => void logged.push(`${message} ${JSON.stringify(details)}`);
  expect(await work({ listen: { kind: 'off' }, log })).toBe('');
  expect(logged.join('\n')).not.toMatch(/clients/);
  const rules: readonly (readonly [Partial<WorkerOptions>, RegExp])[] = [
    [{ listen: { kind: 'at', host: '0.0.0.0', port: 0 } }, /no TLS: --insecure/],
    [{ listen: { kind: 'at', host: '0.0.0.0', port: 0 }, insecure: true, token: '' }, /a token is needed/],
    [{ listen: { kind: 'at', host: '203.0.113.7', port: 1 }, insecure: true }, /EADDRNOTAVAIL|No address/],
    [{ tls: { ca: Buffer.from('x') } }, /no certificate/],
  ];
  const { directServer } = await import('./direct-server.ts');
  for (const [options, why] of rules) {
    const { listen = { kind: 'auto' as const }, token = TOKEN, tls, insecure = false } = options;
    const door = directServer({ rule: listen, token, tls, insecure, log });
    expect(await door.open({ host: '127.0.0.1', port: coordinator.port })).toBe('');
    expect(logged.at(-1)).toMatch(why);
    await door.close();
  }
  const open = directServer({ rule: { kind: 'at', host: '0.0.0.0', port: 0 }, token: TOKEN, insecure: true, log });
  // "All addresses" is none to go to.
  expect(await open.open({ host: '127.0.0.1', port: 1 })).toMatch(/^127\.0\.0\.1:\d+$/);
  await open.close();
});
