import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type HttpBed, startHttp } from '../../test/bed/storage-servers.ts';
import { sha256 } from '../base/digest.ts';
import { type HttpAddress, parseStorageAddress } from '../config/storage-address.ts';
import { httpStore } from './http-store.ts';
import type { Store } from './store.ts';

const KEY = { kind: 'content', digest: sha256('x') } as const;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function storeAt(url: string): Store {
  const store = httpStore(parseStorageAddress(url) as HttpAddress);
  ends.push(() => store.close());
  return store;
}

async function http(): Promise<HttpBed> {
  const bed = await startHttp();
  ends.push(() => bed.end());
  return bed;
}

/** A server that does with a connection what it is told. */
async function raw(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('stored, found, there; absent, not there', async () => {
  const store = storeAt((await http()).url);
  expect(await store.get(KEY, 10)).toEqual({ kind: 'absent' });
  expect(await store.has(KEY)).toBe(false);
  expect(await store.put(KEY, Buffer.from('bytes'))).toBeUndefined();
  expect(await store.has(KEY)).toBe(true);
  expect(await store.get(KEY, 10)).toEqual({ kind: 'found', bytes: Buffer.from('bytes') });
  expect(await store.get(KEY, 4)).toMatchObject({ kind: 'trouble', cause: 'strange', detail: 'more than 4 bytes' });
});

test.each([
  [401, 'denied'],
  [403, 'denied'],
  [405, 'denied'],
  [413, 'full'],
  [507, 'full'],
  [500, 'strange'],
  [301, 'strange'],
])('status %i is trouble: %s', async (status, cause) => {
  const bed = await http();
  bed.misbehave = (request, response) => {
    request.resume();
    response.writeHead(status, status === 301 ? { location: bed.url } : {}).end('why');
    return true;
  };
  const store = storeAt(bed.url);
  const trouble = { kind: 'trouble', cause, at: bed.url, detail: expect.stringContaining(String(status)) };
  expect(await store.get(KEY, 10)).toEqual(trouble);
  expect(await store.has(KEY)).toEqual(trouble);
  expect(await store.put(KEY, Buffer.alloc(1 << 20))).toEqual(trouble);
});

test('a server that takes no connection, one that says nothing, one that drips', async () => {
  const answer = (url: string) => storeAt(`${url}|operation-timeout=150|connect-timeout=100`).get(KEY, 1 << 20);
  expect(await answer('http://127.0.0.1:1')).toMatchObject({ cause: 'unreachable', detail: 'ECONNREFUSED' });
  // Nobody is there and nobody says so (TEST-NET-1): as long as a connection may take, not longer.
  expect(await answer('http://192.0.2.1')).toMatchObject({ cause: 'unreachable' });
  expect(await answer(await raw(() => {}))).toMatchObject({ cause: 'late', detail: 'no answer within 150 ms' });
  const drips = await raw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
    const timer = setInterval(() => socket.write('x'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  expect(await answer(drips)).toMatchObject({ cause: 'late' });
});

test('half an answer, and no HTTP at all', async () => {
  const half = await raw((socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
  expect(await storeAt(half).get(KEY, 200)).toMatchObject({ kind: 'trouble' });
  const other = await raw((socket) => void socket.end('+PONG\r\n'));
  expect(await storeAt(other).get(KEY, 200)).toMatchObject({ kind: 'trouble' });
});

test('a kept connection that the server has closed meanwhile is no trouble', async () => {
  let connections = 0;
  const url = await raw((socket) => {
    connections += 1;
    let answered = 0;
    socket.on('data', () => {
      answered += 1;
      // The second question meets a door that is just being shut.
      if (answered === 1) socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
      else socket.resetAndDestroy();
    });
  });
  const store = storeAt(url);
  expect(await store.get(KEY, 10)).toEqual({ kind: 'absent' });
  expect(await store.get(KEY, 10)).toEqual({ kind: 'absent' });
  expect(connections).toBe(2);
});
