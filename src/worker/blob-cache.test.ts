import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { packBlobs } from '../contract/blob-pack.ts';
import { type Held, openBlobCache, type WantedBlob } from './blob-cache.ts';
import { type BlobServer, blobServer } from './blob-server.ts';
import { temporaryDirectory } from './testing/bed.ts';
import { type BlobHost, blobHost } from './testing/blobs.ts';

let host: BlobHost;
let from: BlobServer;
beforeEach(async () => {
  host = await blobHost();
  from = blobServer({ host: '127.0.0.1', port: host.port, token: 'secret', idleMs: 300 });
});
afterEach(() => {
  from.close();
  host.close();
});

function held(answer: Held): Extract<Held, { kind: 'held' }> {
  if (answer.kind !== 'held') throw new Error(JSON.stringify(answer));
  return answer;
}

test('what is lacking is fetched once, with the token, however many ask', async () => {
  const cache = openBlobCache(temporaryDirectory(), 1e6);
  const [a, b] = [host.put('a'), host.put('b'.repeat(100_000))];
  const all = await Promise.all([cache.hold([a, b], from), cache.hold([b, a], from), cache.hold([a], from)]);
  for (const each of all) expect(readFileSync(held(each).pathOf(a.digest), 'utf8')).toBe('a');
  expect(sha256(readFileSync(held(all[0]).pathOf(b.digest)))).toBe(b.digest);
  held(await cache.hold([a, b], from));
  expect(host.asked.map(({ method }) => method)).toEqual(['POST']);
  expect(host.asked.every(({ authorization }) => authorization === 'Bearer secret')).toBe(true);
  expect(cache.usedBytes()).toBe(100_001);
});

test('what a server lacks, refuses, breaks off, holds back or falsifies is an answer, and leaves nothing', async () => {
  const directory = temporaryDirectory();
  const cache = openBlobCache(directory, 1e6);
  const good = host.put('good');
  const none = { digest: sha256('none'), size: 4 };
  expect(await cache.hold([good, none], from)).toEqual({ kind: 'absent', digests: [none.digest] });
  const other = host.put('other');
  const faults: [BlobHost['fault'], RegExp][] = [
    [(_, answer) => !!answer.writeHead(503).end(), /HTTP 503/],
    [(_, answer) => !!answer.writeHead(200).end('false'), /digest/],
    [(_, answer) => !!answer.writeHead(200).end('longer than it should be'), /longer/],
    [(_, answer) => !!answer.writeHead(200, { 'content-encoding': 'zstd' }).end('no zstd'), /ZSTD/i],
    [(_, answer) => answer.writeHead(200, { 'content-length': 5 }).write('ot') && !!answer.destroy(), /RESET|abort/i],
    [(_, answer) => answer.writeHead(200, { 'content-length': 5 }).write('ot'), /timed out|RESET|abort/i],
  ];
  for (const [fault, why] of faults) {
    host.fault = fault;
    expect(await cache.hold([other], from)).toEqual({ kind: 'failed', why: expect.stringMatching(why) });
  }
  host.fault = () => false;
  expect(await cache.hold([{ ...other, size: 6 }], from)).toMatchObject({ kind: 'failed' });
  expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  expect(readFileSync(held(await cache.hold([other], from)).pathOf(other.digest), 'utf8')).toBe('other');
  host.close();
  expect(await cache.hold([host.put('gone')], from)).toMatchObject({ kind: 'failed' });
});

test('what a pack lacks or falsifies is asked for alone', async () => {
  const blobs = ['one', 'two', 'three'].map((text) => host.put(text));
  const [one, two, three] = blobs as [WantedBlob, WantedBlob, WantedBlob];
  const packs = [
    () => packBlobs([{ digest: one.digest, data: Buffer.from('ONE') }]),
    () => packBlobs([{ digest: one.digest, data: Buffer.from('longer') }]),
    () => Promise.resolve(Buffer.from('no pack')),
  ];
  for (const pack of packs) {
    const cache = openBlobCache(temporaryDirectory(), 1e6);
    host.asked.length = 0;
    host.fault = (asked, answer) => {
      if (asked.method !== 'POST') return false;
      void pack().then((bytes) => answer.writeHead(200).end(bytes));
      return true;
    };
    const answer = held(await cache.hold([one, two, three], from));
    expect(blobs.map(({ digest }) => readFileSync(answer.pathOf(digest), 'utf8'))).toEqual(['one', 'two', 'three']);
    expect(host.asked.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET', 'GET']);
  }
});

test('a file that was changed or removed behind our back is fetched again', async () => {
  const cache = openBlobCache(temporaryDirectory(), 1e6);
  const blob = host.put('content');
  const path = held(await cache.hold([blob], from)).pathOf(blob.digest);
  chmodSync(path, 0o644);
  writeFileSync(path, 'CONTENT');
  expect(readFileSync(held(await cache.hold([blob], from)).pathOf(blob.digest), 'utf8')).toBe('content');
  expect(host.asked).toHaveLength(2);
  chmodSync(held(await cache.hold([blob], from)).pathOf(blob.digest), 0o400); // Another stamp, the same bytes.
  held(await cache.hold([blob], from));
  expect(host.asked).toHaveLength(2);
});

test('the least recently used goes first, and nothing that is held', async () => {
  const cache = openBlobCache(temporaryDirectory(), 250);
  const blobs = ['a', 'b', 'c'].map((letter) => host.put(letter.repeat(100)));
  const [a, b, c] = blobs as [(typeof blobs)[0], (typeof blobs)[0], (typeof blobs)[0]];
  held(await cache.hold([a], from)).release();
  held(await cache.hold([b], from)).release();
  held(await cache.hold([a], from)).release();
  const both = held(await cache.hold([c], from));
  const all = held(await cache.hold([a, b, c], from));
  both.release();
  expect(existsSync(all.pathOf(a.digest)) && existsSync(all.pathOf(c.digest))).toBe(true);
  expect(cache.usedBytes()).toBe(300);
  all.release();
  expect(blobs.map(({ digest }) => existsSync(all.pathOf(digest)))).toEqual([false, true, true]);
  expect(cache.usedBytes()).toBe(200);
});

test('a restart keeps what is right and nothing else', async () => {
  const directory = temporaryDirectory();
  const [kept, torn] = [host.put('kept'), host.put('torn')];
  const before = held(await openBlobCache(directory, 1e6).hold([kept, torn], from));
  chmodSync(before.pathOf(torn.digest), 0o644);
  writeFileSync(before.pathOf(torn.digest), 'to');
  writeFileSync(join(directory, '0/notes'), 'no blob');
  const cache = openBlobCache(directory, 1e6);
  held(await cache.hold([kept, torn], from));
  // Both together, then the one that was torn.
  expect(host.asked.map(({ digest }) => digest)).toEqual(['give', torn.digest]);
  expect(cache.usedBytes()).toBe(8);
  expect(openBlobCache(directory, 4).usedBytes()).toBe(4);
});

test('a disk that says no is an answer, and a file in the way stays', async () => {
  const blob = host.put('x'.repeat(100));
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, 'here before');
  expect(await from.download(blob.digest, blob.size, path)).toEqual({ kind: 'failed', why: 'EEXIST' });
  expect(readFileSync(path, 'utf8')).toBe('here before');
  expect(await from.download(blob.digest, blob.size, '/no/such/directory/x')).toEqual({
    kind: 'failed',
    why: 'ENOENT',
  });
});

test('a file is sent as it is, and what is refused is an answer', async () => {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, 'bytes'.repeat(50_000));
  const digest = sha256('bytes'.repeat(50_000));
  expect(await from.upload(digest, 250_000, path)).toEqual({ kind: 'done' });
  expect(host.blobs.get(digest)?.length).toBe(250_000);
  expect(await from.upload(sha256('other'), 250_000, path)).toEqual({ kind: 'failed', why: 'HTTP 400' });
  expect(await from.upload(digest, 250_000, '/no/such/file')).toMatchObject({ kind: 'failed' });
  host.fault = (asked, answer) => {
    asked.resume();
    return !!answer.writeHead(507).end();
  };
  expect(await from.upload(digest, 250_000, path)).toEqual({ kind: 'failed', why: 'HTTP 507' });
});
