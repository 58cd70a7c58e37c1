import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { mounts, root, testWith } from '../../test/bed/tools.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { cacheLayout, shardedPath } from '../cas/layout.ts';
import { type BlobService, openBlobService } from './blob-service.ts';
import { DamagedBlob } from './blob-streams.ts';

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'hg-blobs-'));
  made.push(path);
  return path;
};

let nowMs = 1_000_000_000_000;
async function opened(root: string, limitBytes = 1 << 30): Promise<BlobService & { readonly warnings: string[] }> {
  const warnings: string[] = [];
  const service = await openBlobService({
    layout: cacheLayout(root),
    limitBytes,
    blobLimitBytes: 1 << 30,
    now: () => {
      nowMs += 1000;
      return nowMs;
    },
    warn: (message) => warnings.push(message),
  });
  return Object.assign(service, { warnings });
}

const pathOf = (root: string, digest: Digest): string => shardedPath(cacheLayout(root).blobs, digest);
const inTmp = (root: string): string[] => (existsSync(join(root, 'v1/tmp')) ? readdirSync(join(root, 'v1/tmp')) : []);

async function* pieces(bytes: Buffer, size = 100_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(service: BlobService, digest: Digest): Promise<Buffer | undefined> {
  const reading = await service.open(digest);
  if (reading === undefined) return undefined;
  const found: Buffer[] = [];
  for await (const piece of reading.pieces()) found.push(piece);
  return Buffer.concat(found);
}

test.each([0, 1, 65_536, 70_000, 1 << 20, 3_000_001])(
  '%i bytes come back as they went, also after a restart',
  async (size) => {
    const root = directory();
    const bytes = randomBytes(size);
    const digest = sha256(bytes);
    const first = await opened(root);
    expect(await first.putStream(digest, pieces(bytes))).toEqual({ kind: 'stored', isNew: true });
    expect(await first.putBytes(digest, bytes)).toEqual({ kind: 'stored', isNew: false });
    const second = await opened(root);
    for (const service of [first, second]) {
      expect(service.sizeOf(digest)).toBe(size);
      expect(await readAll(service, digest)).toEqual(bytes);
      expect(await service.read(digest)).toEqual(size > 1 << 20 ? undefined : bytes);
    }
    expect(inTmp(root)).toEqual([]);
  },
);

test('bytes of another digest are refused and leave nothing', async () => {
  const root = directory();
  const service = await opened(root);
  const digest = sha256(Buffer.from('right'));
  expect(await service.putBytes(digest, Buffer.from('wrong'))).toEqual({ kind: 'mismatch' });
  expect(await service.putStream(digest, pieces(Buffer.from('wrong')))).toEqual({ kind: 'mismatch' });
  expect(service.has(digest)).toBe(false);
  expect(inTmp(root)).toEqual([]);
});

test('a source that breaks off leaves nothing', async () => {
  const root = directory();
  const service = await opened(root);
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(1000);
    throw new Error('the line is dead');
  }
  await expect(service.putStream(sha256(Buffer.alloc(2000)), broken())).rejects.toThrow('the line is dead');
  expect(inTmp(root)).toEqual([]);
});

test.each([1000, 3_000_000])('a blob of %i bytes that rotted on the disk is dropped, never given', async (size) => {
  const root = directory();
  const service = await opened(root);
  const bytes = randomBytes(size);
  const digest = sha256(bytes);
  for (const damage of [
    () => writeFileSync(pathOf(root, digest), Buffer.concat([bytes.subarray(1), Buffer.from('x')])),
    () => truncateSync(pathOf(root, digest), size - 1),
    () => writeFileSync(pathOf(root, digest), Buffer.concat([bytes, Buffer.from('x')])),
  ]) {
    await service.putBytes(digest, bytes);
    damage();
    await expect(readAll(service, digest)).rejects.toThrow(DamagedBlob);
    expect(service.has(digest)).toBe(false);
    expect(existsSync(pathOf(root, digest))).toBe(false);
    await service.putBytes(digest, bytes);
    damage();
    expect(await service.read(digest)).toBe(undefined);
    expect(service.has(digest)).toBe(size > 1 << 20);
    if (service.has(digest)) await expect(readAll(service, digest)).rejects.toThrow(DamagedBlob);
  }
});

test('a blob cut short counts as missing, and is dropped; a wrong size drops nothing', async () => {
  const root = directory();
  const first = await opened(root);
  const [cut, whole] = [randomBytes(5000), randomBytes(5000)];
  for (const bytes of [cut, whole]) await first.putBytes(sha256(bytes), bytes);
  truncateSync(pathOf(root, sha256(cut)), 0);
  const second = await opened(root);
  expect(second.claim([[sha256(cut), 5000]]).missing).toEqual([sha256(cut)]);
  expect(second.claim([[sha256(whole), 4999]]).missing).toEqual([sha256(whole)]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([second.has(sha256(cut)), second.has(sha256(whole))]).toEqual([false, true]);
  expect([await second.prove(sha256(cut)), await second.prove(sha256(whole))]).toEqual([false, true]);
});

test('a blob somebody else removed is gone at the first look', async () => {
  const root = directory();
  const service = await opened(root);
  const digest = sha256(Buffer.from('a'));
  await service.putBytes(digest, Buffer.from('a'));
  rmSync(pathOf(root, digest));
  expect(service.claim([[digest, 1]]).missing).toEqual([]);
  expect(await service.read(digest)).toBe(undefined);
  expect(service.claim([[digest, 1]]).missing).toEqual([digest]);
});

test('the least recently used go first, what is claimed stays, and where all is claimed there is no room', async () => {
  const root = directory();
  const service = await opened(root, 40_960);
  const blobs = Array.from({ length: 10 }, (_, i) => Buffer.alloc(4096, i));
  for (const bytes of blobs) await service.putBytes(sha256(bytes), bytes);
  expect(service.usage).toEqual({ blobs: 10, bytes: 40_960, limitBytes: 40_960 });
  const digests = blobs.map((bytes) => sha256(bytes));
  const [first, second] = digests as [Digest, Digest];
  const held = service.claim([[first, 4096]]);
  await service.read(second);
  const more = Buffer.alloc(4096, 99);
  expect(await service.putBytes(sha256(more), more)).toEqual({ kind: 'stored', isNew: true });
  expect(service.has(first) && service.has(second)).toBe(true);
  expect(service.has(digests[2] as Digest)).toBe(false);
  expect(service.usage.bytes).toBeLessThanOrEqual(40_960);
  const all = service.claim(digests.map((digest) => [digest, 4096] as const));
  held.release();
  const large = Buffer.alloc(36_000, 7);
  expect(await service.putBytes(sha256(large), large)).toEqual({ kind: 'no-room', code: 'EDQUOT' });
  all.release();
  expect(await service.putBytes(sha256(large), large)).toEqual({ kind: 'stored', isNew: true });
  const huge = Buffer.alloc(50_000);
  expect(await service.putBytes(sha256(huge), huge)).toEqual({ kind: 'no-room', code: 'EDQUOT' });
  expect(inTmp(root)).toEqual([]);
});

test('the order of use survives a restart', async () => {
  const root = directory();
  const first = await opened(root);
  const blobs = Array.from({ length: 4 }, (_, i) => Buffer.alloc(4096, i));
  for (const bytes of blobs) await first.putBytes(sha256(bytes), bytes);
  blobs.forEach((bytes, i) => {
    utimesSync(pathOf(root, sha256(bytes)), 1000 + (i === 0 ? 9 : i), 1000 + (i === 0 ? 9 : i));
  });
  const second = await opened(root, 16_384);
  const more = Buffer.alloc(4096, 99);
  await second.putBytes(sha256(more), more);
  expect(blobs.map((bytes) => second.has(sha256(bytes)))).toEqual([true, false, expect.any(Boolean), true]);
});

test('garbage in the directory is no blob, and a file in a directory’s place is cleared away', async () => {
  const root = directory();
  mkdirSync(join(root, 'v1/blobs/a'), { recursive: true });
  writeFileSync(join(root, 'v1/blobs/a/README'), 'x');
  writeFileSync(join(root, 'v1/blobs/a', 'b'.repeat(64)), 'in the wrong directory');
  mkdirSync(join(root, 'v1/blobs/a', 'a'.repeat(64)));
  for (const shard of '0123456789bcdef') writeFileSync(join(root, 'v1/blobs', shard), 'no directory');
  const service = await opened(root);
  expect(service.usage.blobs).toBe(0);
  expect(service.warnings).toHaveLength(15);
  const bytes = randomBytes(100);
  for (let i = 0; i < 20; i += 1) {
    const other = Buffer.concat([bytes, Buffer.from([i])]);
    expect(await service.putBytes(sha256(other), other)).toEqual({ kind: 'stored', isNew: true });
  }
  rmSync(join(root, 'v1'), { recursive: true });
  writeFileSync(join(root, 'v1'), 'no directory either');
  const fresh = await opened(root);
  expect(await fresh.putBytes(sha256(bytes), bytes)).toEqual({ kind: 'stored', isNew: true });
});

const FULL_DISK = `
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { sha256 } from './src/base/digest.ts';
import { cacheLayout } from './src/cas/layout.ts';
import { openBlobService } from './src/coordinator/blob-service.ts';
const options = { layout: cacheLayout('/mnt/d'), limitBytes: 1e12, blobLimitBytes: 1e9, now: Date.now, warn() {} };
const blobs = await openBlobService(options);
async function* pieces(bytes) {
  for (let at = 0; at < bytes.length; at += 400_000) yield bytes.subarray(at, at + 400_000);
}
const said = [];
for (const size of [300_000, 500_001, 400_000, 100_000]) {
  const bytes = randomBytes(size);
  const put = await blobs.putStream(sha256(bytes), pieces(bytes));
  said.push(put.code ?? (await blobs.prove(sha256(bytes))));
}
const rest = randomBytes(900_000);
said.push((await blobs.putBytes(sha256(rest), rest)).code, readdirSync('/mnt/d/v1/tmp').length);
console.log(JSON.stringify(said));
`;

testWith([root, mounts], 'a disk that fills up in the middle of a write: refused whole, never stored in part', () => {
  const script = 'mount -t tmpfs -o size=1m none /mnt && mkdir /mnt/d && exec "$0" --input-type=module -e "$1"';
  const run = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, FULL_DISK], {
    encoding: 'utf8',
    cwd: join(import.meta.dirname, '../..'),
  });
  expect(run.stderr).toBe('');
  expect(JSON.parse(run.stdout)).toEqual([true, true, 'ENOSPC', true, 'ENOSPC', 0]);
});
