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
import { zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { type Digest, sha256 } from '../base/digest.ts';
import { refOf } from '../cas/blob-store.contract.ts';
import type { BlobRef, LocalBlobStore } from '../cas/blob-store.ts';
import { openDiskBlobStore } from '../cas/disk-blob-store.ts';
import { type CacheLayout, cacheLayout, shardedPath } from '../cas/layout.ts';
import { type ManifestStore, openManifestStore } from './manifest-store.ts';
import { openSourceIndex } from './source-index.ts';
import { openStatistics, readStatistics } from './statistics.ts';
import { cacheUsage, clearCache, pruneCache } from './upkeep.ts';
import { type VerifyProgress, verifyCache } from './verify.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-upkeep-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Cache {
  readonly layout: CacheLayout;
  readonly blobs: LocalBlobStore;
  readonly manifests: ManifestStore;
}

async function openCache(root: string): Promise<Cache> {
  const layout = cacheLayout(root);
  return { layout, blobs: await openDiskBlobStore(layout), manifests: openManifestStore(layout) };
}

let made = 0;
function freshCache(): Promise<Cache> {
  made += 1;
  return openCache(`${scratch}/${made}`);
}

/** Stores one result: an object and a manifest that leads to it. */
async function keep(
  cache: Cache,
  name: string,
  size = 5000,
): Promise<{ key: Digest; ref: BlobRef; raw: string; cold: string }> {
  const ref = refOf(await cache.blobs.put(Buffer.alloc(size, name)));
  const key = sha256(name);
  addTo(cache, key, ref, name);
  const raw = shardedPath(cache.layout.blobs, ref.digest);
  return { key, ref, raw, cold: `${raw}.zst` };
}

function addTo(cache: Cache, key: Digest, ref: BlobRef, source: string): void {
  cache.manifests.add(key, [], {
    inputs: [{ path: '/a.c', digest: sha256(source), flags: 0 }],
    present: [],
    absent: [],
    outputs: [{ role: 'object', ref }],
    stderr: { kind: 'inline', text: '' },
    colour: 'plain',
    compileMs: 1,
    cpuMs: 1,
    storedAt: 1,
  });
}

describe('usage', () => {
  test('of a directory that does not exist is nothing', async () => {
    const { layout } = await freshCache();
    const none = { files: 0, bytes: 0 };
    expect(await cacheUsage(layout)).toEqual({
      directory: layout.root,
      ...none,
      blobs: none,
      coldBlobs: none,
      manifests: none,
      sources: none,
      tmp: none,
      oldestUse: null,
    });
    expect(existsSync(layout.root)).toBe(false);
  });

  test('counts each kind in whole blocks', async () => {
    const cache = await freshCache();
    const one = await keep(cache, 'one');
    await keep(cache, 'two');
    writeFileSync(one.cold, zstdCompressSync(Buffer.alloc(5000, 'one')));
    rmSync(one.raw);
    utimesSync(one.cold, 1_000_000_000, 1_000_000_000);
    openSourceIndex(cache.layout).remember('/a.c', { compiler: '/gcc', args: [], cwd: '/', env: new Map() });
    writeFileSync(`${cache.layout.tmp}/x`, '');
    expect(await cacheUsage(cache.layout)).toEqual({
      directory: cache.layout.root,
      files: 5,
      bytes: 6 * 4096,
      blobs: { files: 1, bytes: 8192 },
      coldBlobs: { files: 1, bytes: 4096 },
      manifests: { files: 2, bytes: 8192 },
      sources: { files: 1, bytes: 4096 },
      tmp: { files: 1, bytes: 0 },
      oldestUse: '2001-09-09T01:46:40.000Z',
    });
  });
});

describe('pruning', () => {
  test('removes the least recently used down to the limit and no further', async () => {
    const cache = await freshCache();
    const kept = [await keep(cache, 'a'), await keep(cache, 'b'), await keep(cache, 'c')];
    for (const [at, one] of kept.entries()) {
      for (const path of [one.raw, shardedPath(cache.layout.manifests, one.key, '.json')]) utimesSync(path, at, at);
    }
    const removed = await pruneCache(cache.layout, 24 * 1024);
    expect(removed).toEqual({ kind: 'removed', files: 2, bytes: 12_288, bytesAfter: 24_576 });
    expect(kept.map((one) => existsSync(one.raw))).toEqual([false, true, true]);
    expect(await pruneCache(cache.layout, 24 * 1024)).toMatchObject({ files: 0 });
    expect(await pruneCache(cache.layout, 0)).toMatchObject({ files: 4, bytesAfter: 0 });
  });
});

describe('clearing', () => {
  test('removes everything but the counters, under an agent at work', async () => {
    const cache = await freshCache();
    const one = await keep(cache, 'one');
    openSourceIndex(cache.layout).remember('/a.c', { compiler: '/gcc', args: [], cwd: '/', env: new Map() });
    const statistics = openStatistics(cache.layout, 'me');
    statistics.count('hits');
    statistics.flush();
    writeFileSync(`${cache.layout.tmp}/in-flight.o`, 'x');
    expect(await clearCache(cache.layout)).toEqual({ kind: 'removed', files: 3, bytes: 16_384, bytesAfter: 0 });
    expect(await cacheUsage(cache.layout)).toMatchObject({ files: 0 });
    expect(readdirSync(cache.layout.tmp)).toEqual(['in-flight.o']);
    expect(readStatistics(cache.layout).counters.hits).toBe(1);
    expect(cache.manifests.read(one.key)).toBeUndefined();
    expect(refOf(await cache.blobs.adopt(`${cache.layout.tmp}/in-flight.o`)).size).toBe(1);
    await keep(cache, 'one');
    expect((await cache.blobs.read(one.ref))?.length).toBe(5000);
    expect(await clearCache((await freshCache()).layout)).toMatchObject({ files: 0 });
  });

  test('what cannot be removed is named', async ({ skip }) => {
    const mount = `${scratch}/read-only`;
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    if (mounted.status !== 0) skip(`cannot mount a tmpfs here: ${mounted.stderr}`);
    try {
      const cache = await openCache(`${mount}/cache`);
      await keep(cache, 'one');
      spawnSync('mount', ['-o', 'remount,ro', mount]);
      expect(await clearCache(cache.layout)).toEqual({ kind: 'unwritable', code: 'EROFS' });
      expect(await pruneCache(cache.layout, 0)).toEqual({ kind: 'unwritable', code: 'EROFS' });
      expect(await verifyCache(cache.layout)).toMatchObject({ blobs: 1, badBlobs: 0 });
    } finally {
      spawnSync('umount', [mount]);
    }
  });
});

describe('verifying', () => {
  test('finds nothing in a good cache, and says how far it is', async () => {
    const cache = await freshCache();
    const one = await keep(cache, 'one');
    await keep(cache, 'two', 3 << 20);
    writeFileSync(one.cold, zstdCompressSync(Buffer.alloc(5000, 'one')));
    rmSync(one.raw);
    const seen: VerifyProgress[] = [];
    const report = await verifyCache(cache.layout, (progress) => seen.push(progress));
    expect(report).toMatchObject({
      blobs: 2,
      badBlobs: 0,
      manifests: 2,
      badManifests: 0,
      entries: 2,
      incompleteEntries: 0,
    });
    expect(seen.map((progress) => progress.filesDone)).toEqual([1, 2, 3, 4]);
    expect(seen.at(-1)).toEqual({ filesDone: 4, files: 4, bytesDone: report.bytes, bytes: report.bytes });
    expect(await cacheUsage(cache.layout)).toMatchObject({ files: 4 });
  });

  const damages: Record<string, (one: { raw: string; cold: string }) => void> = {
    truncated: ({ raw }) => truncateSync(raw, 100),
    empty: ({ raw }) => truncateSync(raw, 0),
    'a flipped bit': ({ raw }) => writeFileSync(raw, `${'x'.repeat(4999)}y`),
    'a directory': ({ raw }) => {
      rmSync(raw);
      mkdirSync(raw);
    },
    'cold garbage': ({ raw, cold }) => {
      rmSync(raw);
      writeFileSync(cold, randomBytes(100));
    },
    'cold and cut': ({ raw, cold }) => {
      rmSync(raw);
      writeFileSync(cold, zstdCompressSync(Buffer.alloc(5000, 'one')).subarray(0, -3));
    },
    'cold and empty': ({ raw, cold }) => {
      rmSync(raw);
      writeFileSync(cold, '');
    },
    'cold with other bytes': ({ raw, cold }) => {
      rmSync(raw);
      writeFileSync(cold, zstdCompressSync(Buffer.alloc(5000, 'two')));
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`drops a blob that is ${name}, and what needs it`, async () => {
      const cache = await freshCache();
      const one = await keep(cache, 'one');
      const two = await keep(cache, 'two');
      addTo(cache, two.key, one.ref, 'other state');
      damage(one);
      expect(await verifyCache(cache.layout)).toMatchObject({
        blobs: 2,
        badBlobs: 1,
        entries: 3,
        incompleteEntries: 2,
      });
      expect([existsSync(one.raw), existsSync(one.cold)]).toEqual([false, false]);
      expect(cache.manifests.read(one.key)).toBeUndefined();
      expect(cache.manifests.read(two.key)?.entries.map((entry) => entry.outputs[0]?.ref)).toEqual([two.ref]);
      expect(await verifyCache(cache.layout)).toMatchObject({ blobs: 1, badBlobs: 0, incompleteEntries: 0 });
    });
  }

  test('drops a bad manifest, leaves one of another version', async () => {
    const cache = await freshCache();
    const paths = [];
    for (const name of ['cut', 'later', 'good']) {
      paths.push(shardedPath(cache.layout.manifests, (await keep(cache, name)).key, '.json'));
    }
    const [cut, later] = paths as [string, string];
    truncateSync(cut, 200);
    writeFileSync(later, '{"hybridgrid":"manifest","v":2}');
    expect(await verifyCache(cache.layout)).toMatchObject({ manifests: 3, badManifests: 1, entries: 1, unreadable: 0 });
    expect(paths.map((path) => existsSync(path))).toEqual([false, true, true]);
  });
});
