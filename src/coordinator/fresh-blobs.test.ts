import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Digest, sha256 } from '../base/digest.ts';
import { cacheLayout, shardedPath } from '../cas/layout.ts';
import { packBlobs } from '../contract/blob-pack.ts';
import { type BlobService, type BlobServiceOptions, openBlobService } from './blob-service.ts';
import { startTestGrid, type TestGrid, until } from './testing/grid-bed.ts';

const made: string[] = [];
const grids: TestGrid[] = [];
afterEach(async () => {
  for (const grid of grids.splice(0)) await grid.end();
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

interface Opened extends BlobService {
  readonly root: string;
  readonly warnings: string[];
  isFile(digest: Digest): boolean;
}

async function opened(more: Partial<BlobServiceOptions> = {}, root = mkdtempSync(join(tmpdir(), 'hg-fresh-'))) {
  made.push(root);
  const warnings: string[] = [];
  const layout = cacheLayout(root);
  const service = await openBlobService({
    layout,
    limitBytes: 1 << 30,
    blobLimitBytes: 1 << 30,
    now: Date.now,
    warn: (message) => warnings.push(message),
    ...more,
  });
  const isFile = (digest: Digest): boolean => existsSync(shardedPath(layout.blobs, digest));
  return Object.assign(service, { root, warnings, isFile }) as Opened;
}

const CONTENTS = Array.from({ length: 5 }, (_, n) => Buffer.alloc(1000, `content ${n}`));
const DIGESTS = CONTENTS.map((bytes) => sha256(bytes)) as [Digest, Digest, Digest, Digest, Digest];

/** Puts all contents, in order. */
async function putAll(service: BlobService): Promise<void> {
  for (const bytes of CONTENTS) await service.putLate(sha256(bytes), bytes);
}

test('a fresh blob is as good as any other before it is a file, and after', async () => {
  const service = await opened();
  const [digest] = DIGESTS;
  const [bytes] = CONTENTS as [Buffer];
  const given = Buffer.from(bytes);
  expect(await service.putLate(digest, given)).toEqual({ kind: 'stored', isNew: true });
  // The giver's memory is the giver's.
  given.fill(0);
  for (const isFile of [false, true]) {
    expect(service.isFile(digest)).toBe(isFile);
    expect(await service.putLate(digest, bytes)).toEqual({ kind: 'stored', isNew: false });
    expect([service.has(digest), service.sizeOf(digest), await service.prove(digest)]).toEqual([true, 1000, true]);
    expect(await service.read(digest)).toEqual(bytes);
    const reading = await service.open(digest);
    const pieces: Buffer[] = [];
    for await (const piece of reading?.pieces() ?? []) pieces.push(piece);
    expect(Buffer.concat(pieces)).toEqual(bytes);
    const claim = service.claim([[digest, 1000]]);
    expect(claim.missing).toEqual([]);
    claim.release();
    expect(service.writeOldest()).toBe(!isFile);
  }
  expect(readdirSync(`${service.root}/v1/tmp`)).toEqual([]);
});

test('bytes of another digest are refused', async () => {
  const service = await opened();
  expect(await service.putLate(DIGESTS[0], Buffer.from('other'))).toEqual({ kind: 'mismatch' });
  expect([service.has(DIGESTS[0]), service.writeOldest()]).toEqual([false, false]);
});

test.each([
  ['blobs', { blobs: 2, bytes: 1 << 20 }],
  ['bytes', { blobs: 100, bytes: 2500 }],
])('no more than so many %s are in memory: the oldest become files', async (_name, freshLimits) => {
  const service = await opened({ freshLimits });
  await putAll(service);
  expect(DIGESTS.map(service.isFile)).toEqual([true, true, true, false, false]);
});

test('what is fresh is a file after a flush, and found by the next run', async () => {
  const service = await opened();
  await putAll(service);
  expect(DIGESTS.some(service.isFile)).toBe(false);
  await service.flush();
  const next = await opened({}, service.root);
  for (const [i, digest] of DIGESTS.entries()) expect(await next.read(digest)).toEqual(CONTENTS[i]);
});

test('where there is no room nothing is taken, and what was evicted is not written', async () => {
  const service = await opened({ limitBytes: 3 * 4096 });
  const held = service.claim([]);
  await putAll(service);
  held.release();
  expect(service.usage.bytes).toBeLessThanOrEqual(3 * 4096);
  await service.flush();
  expect(DIGESTS.map(service.isFile)).toEqual(DIGESTS.map((digest) => service.has(digest)));
  const full = await opened({ limitBytes: 100 });
  expect(await full.putLate(DIGESTS[0], CONTENTS[0] as Buffer)).toEqual({ kind: 'no-room', code: 'EDQUOT' });
});

test('a blob that the disk does not take is forgotten, and the rest goes on', async () => {
  const service = await opened();
  await putAll(service);
  rmSync(`${service.root}/v1/tmp`, { recursive: true, force: true });
  // No directory can be made where a file is.
  writeFileSync(`${service.root}/v1/tmp`, '');
  expect(service.writeOldest()).toBe(true);
  expect([service.has(DIGESTS[0]), service.has(DIGESTS[1])]).toEqual([false, true]);
  expect(service.warnings).toEqual(['a blob could not be stored']);
  rmSync(`${service.root}/v1/tmp`);
  await service.flush();
  expect(DIGESTS.map(service.isFile)).toEqual([false, true, true, true, true]);
});

test('blobs of a pack become files once nothing is under way', async () => {
  const grid = await startTestGrid({ quietMs: 5 });
  grids.push(grid);
  const pack = await packBlobs(CONTENTS.map((data, i) => ({ digest: DIGESTS[i] as Digest, data })));
  const answer = await fetch(`${grid.url}/blobs/take`, { method: 'POST', body: new Uint8Array(pack) });
  expect(answer.status).toBe(200);
  const { blobs } = cacheLayout(grid.dataDir);
  await until(() => DIGESTS.every((digest) => existsSync(shardedPath(blobs, digest))), 'the last file');
});
