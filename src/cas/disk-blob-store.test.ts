import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import { localBlobStoreContract, refOf } from './blob-store.contract.ts';
import { type BlobRef, type LocalBlobStore, SYNC_LIMIT } from './blob-store.ts';
import { openDiskBlobStore } from './disk-blob-store.ts';
import { type CacheLayout, cacheLayout, shardedPath } from './layout.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-disk-blobs-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let made = 0;
function freshLayout(): CacheLayout {
  made += 1;
  return cacheLayout(`${scratch}/${made}/cache`);
}

localBlobStoreContract('a disk', () => openDiskBlobStore(freshLayout()));

interface Kept {
  readonly layout: CacheLayout;
  readonly store: LocalBlobStore;
  readonly ref: BlobRef;
  readonly raw: string;
  readonly cold: string;
  readonly bytes: Buffer;
}

async function keep(bytes: Buffer = Buffer.from('an object file, as far as anybody knows'.repeat(9))): Promise<Kept> {
  const layout = freshLayout();
  const store = await openDiskBlobStore(layout);
  const ref = refOf(await store.put(bytes));
  const raw = shardedPath(layout.blobs, ref.digest);
  return { layout, store, ref, raw, cold: `${raw}.zst`, bytes };
}

function makeCold(kept: Kept): void {
  writeFileSync(kept.cold, zstdCompressSync(kept.bytes));
  rmSync(kept.raw);
}

describe('layout', () => {
  test('the directory is private, tagged, and made only when first needed', async () => {
    const layout = freshLayout();
    const store = await openDiskBlobStore(layout);
    expect(existsSync(layout.root)).toBe(false);
    await store.put(Buffer.from('x'));
    expect(statSync(layout.root).mode & 0o777).toBe(0o700);
    expect(readFileSync(`${layout.root}/CACHEDIR.TAG`, 'latin1')).toMatch(
      /^Signature: 8a477f597d28d172789f06886806bc55\n/,
    );
    expect(readdirSync(layout.tmp)).toEqual([]);
  });

  test('a root that was there before is tagged, too', async () => {
    const layout = freshLayout();
    mkdirSync(`${layout.root}/v1`, { recursive: true });
    await (await openDiskBlobStore(layout)).put(Buffer.from('x'));
    expect(existsSync(`${layout.root}/CACHEDIR.TAG`)).toBe(true);
  });

  test('a directory removed while the store is open is made again', async () => {
    const { layout, store, ref, bytes } = await keep();
    rmSync(layout.root, { recursive: true });
    expect(await store.locate(ref)).toBeUndefined();
    const path = store.newTmpPath('o') as string;
    writeFileSync(path, bytes);
    expect(refOf(await store.adopt(path))).toEqual(ref);
    expect((await store.read(ref))?.equals(bytes)).toBe(true);
  });

  test('names that are not UTF-8 work', async () => {
    const root = fromBytes(Buffer.concat([Buffer.from(`${scratch}/caf`), Buffer.from([0xe9, 0xff])]));
    const store = await openDiskBlobStore(cacheLayout(root));
    const ref = refOf(await store.put(Buffer.from('x')));
    expect(await store.read(ref)).toEqual(Buffer.from('x'));
    expect(existsSync(fsPath(root))).toBe(true);
  });
});

describe('a damaged raw blob', () => {
  const damages: Record<string, (kept: Kept) => void> = {
    truncated: ({ raw }) => truncateSync(raw, 7),
    longer: ({ raw }) => writeFileSync(raw, 'more', { flag: 'a' }),
    empty: ({ raw }) => truncateSync(raw, 0),
    'a directory': ({ raw }) => {
      rmSync(raw);
      mkdirSync(`${raw}/with/content`, { recursive: true });
    },
    'a link to equal bytes': ({ raw, layout }) => {
      renameSync(raw, `${layout.root}/elsewhere`);
      symlinkSync(`${layout.root}/elsewhere`, raw);
    },
    'a dangling link': ({ raw }) => {
      rmSync(raw);
      symlinkSync('/nonexistent', raw);
    },
    'a fifo': ({ raw }) => {
      rmSync(raw);
      execFileSync('mkfifo', [raw]);
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`${name}: located as absent, dropped, and stored again`, async () => {
      const kept = await keep();
      damage(kept);
      expect(await kept.store.locate(kept.ref)).toBeUndefined();
      expect(existsSync(kept.raw)).toBe(false);
      damage(await restored(kept));
      expect(await kept.store.read(kept.ref)).toBeUndefined();
      damage(await restored(kept));
      expect(refOf(await kept.store.put(kept.bytes))).toEqual(kept.ref);
      expect((await kept.store.read(kept.ref))?.equals(kept.bytes)).toBe(true);
    });
  }

  async function restored(kept: Kept): Promise<Kept> {
    expect(refOf(await kept.store.put(kept.bytes))).toEqual(kept.ref);
    return kept;
  }

  for (const size of [1000, SYNC_LIMIT + 1000]) {
    test(`a flipped bit or another blob's bytes are found by reading (${size} bytes)`, async () => {
      const kept = await keep(randomBytes(size));
      const flipped = Buffer.from(kept.bytes);
      flipped[size >> 1] = (flipped[size >> 1] as number) ^ 1;
      writeFileSync(kept.raw, flipped);
      expect(await kept.store.read(kept.ref)).toBeUndefined();
      expect(existsSync(kept.raw)).toBe(false);
      const other = refOf(await kept.store.put(randomBytes(size)));
      renameSync(shardedPath(kept.layout.blobs, other.digest), kept.raw);
      expect(await kept.store.read(kept.ref)).toBeUndefined();
    });
  }
});

describe('a cold blob', () => {
  for (const size of [0, 5, 50_000, SYNC_LIMIT + 1]) {
    test(`of ${size} bytes is read, then promoted by being located`, async () => {
      const kept = await keep(Buffer.alloc(size, 'abcdefg'));
      makeCold(kept);
      expect((await kept.store.read(kept.ref))?.equals(kept.bytes)).toBe(true);
      expect(existsSync(kept.raw)).toBe(false);
      expect(await kept.store.locate(kept.ref)).toBe(kept.raw);
      expect(readFileSync(kept.raw).equals(kept.bytes)).toBe(true);
      expect(statSync(kept.raw).mode & 0o777).toBe(0o600);
      expect(existsSync(kept.cold)).toBe(false);
    });
  }

  const damages: Record<string, (kept: Kept) => void> = {
    garbage: ({ cold }) => writeFileSync(cold, randomBytes(100)),
    empty: ({ cold }) => writeFileSync(cold, ''),
    truncated: ({ cold }) => truncateSync(cold, statSync(cold).size - 5),
    'of another blob': ({ cold, bytes }) => writeFileSync(cold, zstdCompressSync(Buffer.alloc(bytes.length, 1))),
    'unfolding to a gigabyte': ({ cold }) => writeFileSync(cold, bomb()),
    'longer than zstd can be': ({ cold, bytes }) => writeFileSync(cold, Buffer.alloc(bytes.length * 2 + 5000)),
    'a directory': ({ cold }) => {
      rmSync(cold);
      mkdirSync(cold);
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    for (const size of [2000, SYNC_LIMIT + 1]) {
      test(`${name} is dropped (${size} bytes)`, async () => {
        const kept = await keep(Buffer.alloc(size, 'abcdefg'));
        makeCold(kept);
        damage(kept);
        expect(await kept.store.locate(kept.ref)).toBeUndefined();
        expect(existsSync(kept.cold)).toBe(false);
        writeFileSync(kept.cold, zstdCompressSync(kept.bytes));
        damage(kept);
        expect(await kept.store.read(kept.ref)).toBeUndefined();
        expect(existsSync(kept.cold)).toBe(false);
      });
    }
  }

  test('replaces a damaged raw one', async () => {
    const kept = await keep();
    writeFileSync(kept.cold, zstdCompressSync(kept.bytes));
    truncateSync(kept.raw, 3);
    expect(await kept.store.locate(kept.ref)).toBe(kept.raw);
    expect(readFileSync(kept.raw).equals(kept.bytes)).toBe(true);
  });
});

let folded: Buffer | undefined;
function bomb(): Buffer {
  folded ??= zstdCompressSync(Buffer.alloc(1 << 28));
  return folded;
}

describe('marks of use', () => {
  test('are written together, and again only after an hour', async () => {
    const layout = freshLayout();
    let now = 2_000_000_000_000;
    const store = await openDiskBlobStore(layout, () => now);
    const ref = refOf(await store.put(Buffer.from('used')));
    const path = shardedPath(layout.blobs, ref.digest);
    utimesSync(path, 1, 1);
    store.touch(ref.digest);
    store.touch(sha256('absent'));
    await store.flush();
    expect(statSync(path).mtimeMs).toBe(now);
    utimesSync(path, 1, 1);
    now += 3_599_999;
    store.touch(ref.digest);
    await store.flush();
    expect(statSync(path).mtimeMs).toBe(1000);
    now += 1;
    store.touch(ref.digest);
    await store.flush();
    expect(statSync(path).mtimeMs).toBe(now);
  });

  test('are left by storing the same bytes again', async () => {
    const kept = await keep();
    utimesSync(kept.raw, 1, 1);
    await kept.store.put(kept.bytes);
    await kept.store.flush();
    expect(statSync(kept.raw).mtimeMs).toBeGreaterThan(1000);
  });
});

describe('where the disk refuses', () => {
  test('a full file system is a value, and leaves no half file', async ({ skip }) => {
    const mount = `${scratch}/full`;
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]);
    if (mounted.status !== 0) skip(`cannot mount a tmpfs here: ${mounted.stderr}`);
    try {
      const store = await openDiskBlobStore(cacheLayout(`${mount}/cache`));
      const small = refOf(await store.put(Buffer.from('small')));
      const full = { kind: 'unwritable', code: 'ENOSPC' };
      expect(await store.put(randomBytes(300_000))).toEqual(full);
      expect(await store.put(randomBytes(SYNC_LIMIT + 1))).toEqual(full);
      expect(readdirSync(`${mount}/cache/v1/tmp`)).toEqual([]);
      expect(await store.read(small)).toEqual(Buffer.from('small'));
      const bytes = Buffer.alloc(250_000);
      const ref = { ...refOf(await (await openDiskBlobStore(freshLayout())).put(bytes)) };
      const cold = shardedPath(`${mount}/cache/v1/blobs`, ref.digest, '.zst');
      mkdirSync(cold.slice(0, cold.lastIndexOf('/')), { recursive: true });
      writeFileSync(cold, zstdCompressSync(bytes));
      expect(await store.locate(ref)).toBeUndefined();
      expect((await store.read(ref))?.equals(bytes)).toBe(true);
    } finally {
      spawnSync('umount', [mount]);
    }
  });

  test('a read-only file system is a value, and what it holds is found', async ({ skip }) => {
    const mount = `${scratch}/readonly`;
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    if (mounted.status !== 0) skip(`cannot mount a tmpfs here: ${mounted.stderr}`);
    try {
      const layout = cacheLayout(`${mount}/cache`);
      const store = await openDiskBlobStore(layout);
      const ref = refOf(await store.put(Buffer.from('kept')));
      const tmp = store.newTmpPath('o') as string;
      writeFileSync(tmp, 'late');
      execFileSync('mount', ['-o', 'remount,ro', mount]);
      const readOnly = { kind: 'unwritable', code: 'EROFS' };
      expect(await store.put(Buffer.from('new'))).toEqual(readOnly);
      expect(await store.adopt(tmp)).toEqual(readOnly);
      store.drop(sha256('anything'));
      store.touch(ref.digest);
      await store.flush();
      expect(await store.locate(ref)).toBe(shardedPath(layout.blobs, ref.digest));
      expect(await store.read(ref)).toEqual(Buffer.from('kept'));
    } finally {
      spawnSync('umount', [mount]);
    }
  });

  test('a directory without permission is a value', async () => {
    const root = mkdtempSync(join(tmpdir(), 'hg-no-permission-'));
    chmodSync(root, 0o555);
    const store = await openDiskBlobStore(cacheLayout(`${root}/cache`));
    const asRoot = process.getuid?.() === 0;
    try {
      // The super-user may write everywhere: be nobody meanwhile.
      if (asRoot) process.seteuid?.(65534);
      expect(await store.put(Buffer.from('x'))).toEqual({ kind: 'unwritable', code: 'EACCES' });
      expect(store.newTmpPath('o')).toEqual({ kind: 'unwritable', code: 'EACCES' });
    } finally {
      if (asRoot) process.seteuid?.(0);
      rmSync(root, { recursive: true });
    }
  });

  test('a file where a directory should be is a value', async () => {
    const layout = freshLayout();
    mkdirSync(layout.root, { recursive: true });
    writeFileSync(`${layout.root}/v1`, '');
    const store = await openDiskBlobStore(layout);
    expect((await store.put(Buffer.from('x'))).kind).toBe('unwritable');
    expect(store.newTmpPath('o')).toMatchObject({ kind: 'unwritable' });
    expect(await store.locate({ digest: sha256('x'), size: 1, checksum: '0'.repeat(16) })).toBeUndefined();
  });
});
