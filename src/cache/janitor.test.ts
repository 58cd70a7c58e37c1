import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Digest, sha256 } from '../base/digest.ts';
import { refOf } from '../cas/blob-store.contract.ts';
import type { BlobRef } from '../cas/blob-store.ts';
import { openDiskBlobStore } from '../cas/disk-blob-store.ts';
import { type CacheLayout, cacheLayout, shardedPath } from '../cas/layout.ts';
import { walkCache } from './cache-walk.ts';
import { planEviction } from './eviction-plan.ts';
import { evict, type JanitorOptions, janitor, readSizeHint } from './janitor.ts';
import { takeJanitorLock } from './janitor-lock.ts';
import { openManifestStore } from './manifest-store.ts';
import { openStatistics } from './statistics.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-janitor-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const HOUR = 3_600_000;
const NOW = 2_000_000_000_000;
const never: JanitorOptions = { maxBytes: Number.POSITIVE_INFINITY, compressAfterMs: Number.POSITIVE_INFINITY };

let made = 0;
function freshLayout(): CacheLayout {
  made += 1;
  return cacheLayout(`${scratch}/${made}`);
}

async function keep(layout: CacheLayout, bytes: Buffer, usedMs: number): Promise<BlobRef> {
  const ref = refOf(await (await openDiskBlobStore(layout)).put(bytes));
  utimesSync(shardedPath(layout.blobs, ref.digest), usedMs / 1000, usedMs / 1000);
  return ref;
}

function keepManifest(layout: CacheLayout, name: string, usedMs: number): Digest {
  const key = sha256(name);
  openManifestStore(layout).add(key, [], {
    inputs: [{ path: '/a.c', digest: key, flags: 0 }],
    present: [],
    absent: [],
    outputs: [],
    stderr: { kind: 'inline', text: '' },
    colour: 'plain',
    compileMs: 1,
    cpuMs: 1,
    storedAt: usedMs,
  });
  utimesSync(shardedPath(layout.manifests, key, '.json'), usedMs / 1000, usedMs / 1000);
  return key;
}

function has(layout: CacheLayout, ref: BlobRef): string {
  const raw = shardedPath(layout.blobs, ref.digest);
  return `${existsSync(raw) ? 'raw' : ''}${existsSync(`${raw}.zst`) ? 'cold' : ''}`;
}

describe('eviction', () => {
  test('goes by last use, over blobs and manifests alike, down to nine tenths', async () => {
    const layout = freshLayout();
    const refs: BlobRef[] = [];
    for (let at = 0; at < 20; at += 1) refs.push(await keep(layout, Buffer.alloc(4000, at), NOW - at * HOUR));
    const old = keepManifest(layout, 'old', NOW - 19.5 * HOUR);
    const young = keepManifest(layout, 'young', NOW - HOUR / 2);
    const statistics = openStatistics(layout, 'me');
    const keeper = janitor(layout, { ...never, maxBytes: 20 * 4096, statistics, now: () => NOW });
    // 22 blocks are too many by two; 18 is what they come down to.
    expect(await keeper.run()).toMatchObject({
      bytesBefore: 22 * 4096,
      bytesAfter: 18 * 4096,
      files: 18,
      evictedFiles: 4,
    });
    expect(refs.map((ref) => has(layout, ref))).toEqual(refs.map((_, at) => (at < 17 ? 'raw' : '')));
    expect(openManifestStore(layout).read(old)).toBeUndefined();
    expect(openManifestStore(layout).read(young)).toBeDefined();
    expect(statistics.counted()).toMatchObject({ evictedFiles: 4, evictedBytes: 4 * 4096 });
    expect(readSizeHint(layout)).toEqual({ bytes: 18 * 4096, files: 18, at: NOW });
  });

  test('passes over what was used since it was planned', async () => {
    const layout = freshLayout();
    const refs = [await keep(layout, Buffer.from('a'), NOW), await keep(layout, Buffer.from('b'), NOW)];
    const plan = planEviction((await walkCache(layout)).files, 0);
    const used = shardedPath(layout.blobs, (refs[0] as BlobRef).digest);
    utimesSync(used, NOW, NOW);
    expect(await evict(plan)).toEqual({ files: 1, bytes: 4096 });
    expect(refs.map((ref) => has(layout, ref))).toEqual(['raw', '']);
  });

  test('a mark of use saves a blob', async () => {
    const layout = freshLayout();
    const old = await keep(layout, Buffer.from('old'), NOW - 9 * HOUR);
    const young = await keep(layout, Buffer.from('young'), NOW - HOUR);
    const store = await openDiskBlobStore(layout, () => NOW);
    store.touch(old.digest);
    await store.flush();
    await janitor(layout, { ...never, maxBytes: 4096 * 1.2, now: () => NOW }).run();
    expect([has(layout, old), has(layout, young)]).toEqual(['raw', '']);
  });
});

describe('compression', () => {
  test('takes what nobody used for long, and keeps the rest', async () => {
    const layout = freshLayout();
    const cold = await keep(layout, Buffer.alloc(50_000, 'cold'), NOW - 25 * HOUR);
    const warm = await keep(layout, Buffer.alloc(50_000, 'warm'), NOW - 23 * HOUR);
    const noise = await keep(layout, randomBytes(50_000), NOW - 25 * HOUR);
    const small = await keep(layout, Buffer.alloc(4096, 's'), NOW - 25 * HOUR);
    const bad = await keep(layout, Buffer.alloc(50_000, 'bad'), NOW - 25 * HOUR);
    writeFileSync(shardedPath(layout.blobs, bad.digest), Buffer.alloc(50_000, 'worse'));
    utimesSync(shardedPath(layout.blobs, bad.digest), 1, 1);
    const options = { ...never, compressAfterMs: 24 * HOUR, now: () => NOW };
    expect(await janitor(layout, options).run()).toMatchObject({ compressedBlobs: 1, damagedBlobs: 1 });
    expect([cold, warm, noise, small, bad].map((ref) => has(layout, ref))).toEqual(['cold', 'raw', 'raw', 'raw', '']);
    const store = await openDiskBlobStore(layout);
    expect((await store.read(cold))?.equals(Buffer.alloc(50_000, 'cold'))).toBe(true);
  });

  test('a cold blob beside its raw form goes', async () => {
    const layout = freshLayout();
    const ref = await keep(layout, Buffer.from('twice'), NOW);
    writeFileSync(`${shardedPath(layout.blobs, ref.digest)}.zst`, 'left by one who died');
    expect(await janitor(layout, { ...never, now: () => NOW }).run()).toMatchObject({ files: 1 });
    expect(has(layout, ref)).toBe('raw');
  });
});

describe('a round', () => {
  test('removes leftovers older than an hour and nothing younger', async () => {
    const layout = freshLayout();
    mkdirSync(`${layout.tmp}/cleared-x/deep`, { recursive: true });
    for (const [name, age] of [
      ['old.o', 61],
      ['young.o', 59],
    ] as const) {
      writeFileSync(`${layout.tmp}/${name}`, '');
      utimesSync(`${layout.tmp}/${name}`, (NOW - age * 60_000) / 1000, (NOW - age * 60_000) / 1000);
    }
    utimesSync(`${layout.tmp}/cleared-x`, 1, 1);
    expect(await janitor(layout, { ...never, now: () => NOW }).run()).toMatchObject({ leftoversRemoved: 2 });
    expect(readdirSync(layout.tmp)).toEqual(['young.o']);
  });

  test('is due at first, then every half hour, or when the limit may be passed', async () => {
    const layout = freshLayout();
    let now = NOW;
    const statistics = openStatistics(layout, 'me');
    const keeper = janitor(layout, { ...never, maxBytes: 10_000, statistics, now: () => now });
    await keep(layout, Buffer.alloc(4000), NOW);
    expect(await keeper.run()).toBeDefined();
    expect(await keeper.run()).toBeUndefined();
    statistics.add('bytesWritten', 5000);
    expect(await keeper.run()).toBeUndefined();
    statistics.add('bytesWritten', 1000);
    expect(await keeper.run()).toBeDefined();
    expect(await keeper.run()).toBeUndefined();
    now += 1_800_001;
    expect(await keeper.run()).toBeDefined();
    expect(await janitor(layout, { ...never, now: () => now }).run()).toBeUndefined();
  });

  test('leaves the files of a later version alone', async () => {
    const layout = freshLayout();
    await keep(layout, Buffer.from('x'), NOW);
    const later = [`${layout.blobs}/ab/note`, `${layout.blobs}/index`, `${layout.root}/v2`];
    mkdirSync(`${layout.blobs}/ab`, { recursive: true });
    for (const path of later) writeFileSync(path, 'later');
    for (const path of later) utimesSync(path, 1, 1);
    expect(await janitor(layout, { maxBytes: 0, compressAfterMs: 0, now: () => NOW }).run()).toMatchObject({
      files: 0,
    });
    expect(later.map((path) => existsSync(path))).toEqual([true, true, true]);
  });

  test('on a directory that does not exist or cannot be made does nothing', async () => {
    const layout = freshLayout();
    writeFileSync(layout.root, 'a file');
    expect(await janitor(layout, never).run()).toBeUndefined();
    expect(await janitor(freshLayout(), never).run()).toMatchObject({ files: 0 });
  });

  test('does not hold up the event loop', async () => {
    const layout = freshLayout();
    for (let at = 0; at < 1500; at += 1) await keep(layout, Buffer.from(`${at}`), NOW - 1000);
    // CPU time of this thread between two ticks: wall time would measure what else the machine does.
    const cpuMs = () => process.threadCpuUsage().user / 1000 + process.threadCpuUsage().system / 1000;
    let longest = 0;
    let last = cpuMs();
    const ticking = setInterval(() => {
      longest = Math.max(longest, cpuMs() - last);
      last = cpuMs();
    }, 1);
    await janitor(layout, { ...never, maxBytes: 4096 * 700, now: () => NOW }).run();
    clearInterval(ticking);
    expect(longest).toBeGreaterThan(0);
    // Steps of some 2 ms; the bar allows for a garbage collection.
    expect(longest).toBeLessThan(50);
  });

  test('two at once do no harm', async () => {
    const layout = freshLayout();
    const refs: BlobRef[] = [];
    for (let at = 0; at < 40; at += 1) refs.push(await keep(layout, Buffer.alloc(9000, `${at}-`), NOW - at * 3 * HOUR));
    const options = { maxBytes: 3 * 4096 * 30, compressAfterMs: 24 * HOUR, now: () => NOW };
    const first = janitor(layout, options).run();
    rmSync(layout.janitorLock);
    const reports = await Promise.all([first, janitor(layout, options).run()]);
    expect(reports.every((report) => report !== undefined)).toBe(true);
    const store = await openDiskBlobStore(layout);
    for (const [at, ref] of refs.entries()) {
      const bytes = await store.read(ref);
      if (at < 27) expect(bytes?.equals(Buffer.alloc(9000, `${at}-`))).toBe(true);
      else expect(bytes).toBeUndefined();
    }
    expect(readdirSync(layout.tmp)).toEqual([]);
    expect(existsSync(layout.janitorLock)).toBe(false);
  });
});

describe('the lock', () => {
  test('keeps others out until released, and each releases only its own', () => {
    const layout = freshLayout();
    const first = takeJanitorLock(layout, () => NOW);
    utimesSync(layout.janitorLock, NOW / 1000, NOW / 1000);
    expect(takeJanitorLock(layout, () => NOW)).toBeUndefined();
    const second = takeJanitorLock(layout, () => NOW + 600_001);
    expect(second).toBeDefined();
    first?.release();
    expect(existsSync(layout.janitorLock)).toBe(true);
    second?.release();
    expect(existsSync(layout.janitorLock)).toBe(false);
  });

  test('stays while it is refreshed', () => {
    const layout = freshLayout();
    let now = NOW;
    const lock = takeJanitorLock(layout, () => now);
    now += 3_000_000;
    lock?.refresh();
    expect(takeJanitorLock(layout, () => now + 599_000)).toBeUndefined();
    expect(statSync(layout.janitorLock).mtimeMs).toBe(now);
  });

  test('of a dead process of this machine, or of an older boot of the clock, is taken', () => {
    const layout = freshLayout();
    mkdirSync(`${layout.root}/v1`, { recursive: true });
    const hold = (text: string) => {
      writeFileSync(layout.janitorLock, text);
      utimesSync(layout.janitorLock, NOW / 1000, NOW / 1000);
    };
    // Linux numbers processes up to 4,194,304.
    hold(JSON.stringify({ pid: 4_194_305, host: hostname() }));
    takeJanitorLock(layout, () => NOW)?.release();
    expect(existsSync(layout.janitorLock)).toBe(false);
    for (const text of [JSON.stringify({ pid: 4_194_305, host: 'elsewhere' }), 'garbage', '', 'null']) {
      hold(text);
      expect(takeJanitorLock(layout, () => NOW)).toBeUndefined();
      takeJanitorLock(layout, () => NOW - 600_001)?.release();
      expect(existsSync(layout.janitorLock)).toBe(false);
    }
  });
});
