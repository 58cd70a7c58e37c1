import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { refOf } from './blob-store.contract.ts';
import { compressBlob } from './compress-blob.ts';
import { openDiskBlobStore } from './disk-blob-store.ts';
import { cacheLayout, shardedPath } from './layout.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-compress-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let made = 0;
async function keep(bytes: Buffer) {
  made += 1;
  const layout = cacheLayout(`${scratch}/${made}`);
  const store = await openDiskBlobStore(layout);
  const ref = refOf(await store.put(bytes));
  const raw = shardedPath(layout.blobs, ref.digest);
  return { layout, store, ref, raw, cold: `${raw}.zst` };
}

describe('compressing a blob', () => {
  for (const size of [20_000, 6 << 20]) {
    test(`of ${size} bytes keeps its bytes, its time of last use, and comes back`, async () => {
      const bytes = Buffer.alloc(size, 'text that repeats ');
      const { layout, store, ref, raw, cold } = await keep(bytes);
      utimesSync(raw, 1_500_000_000, 1_500_000_000.25);
      const result = await compressBlob(layout, ref.digest);
      expect(result).toEqual({ kind: 'compressed', savedBytes: size - statSync(cold).size });
      expect(existsSync(raw)).toBe(false);
      expect(statSync(cold).mtimeMs).toBeCloseTo(1_500_000_000_250, 0);
      expect(statSync(cold).mode & 0o777).toBe(0o600);
      expect(zstdDecompressSync(readFileSync(cold)).equals(bytes)).toBe(true);
      expect(await store.locate(ref)).toBe(raw);
      expect(readdirSync(layout.tmp)).toEqual([]);
    });
  }

  test('leaves what does not shrink, and marks it so that nobody tries again', async () => {
    const { layout, store, ref, raw, cold } = await keep(randomBytes(50_000));
    expect(await compressBlob(layout, ref.digest)).toEqual({ kind: 'left' });
    expect(statSync(raw).mode & 0o777).toBe(0o400);
    expect(existsSync(cold)).toBe(false);
    expect((await store.read(ref))?.length).toBe(50_000);
    expect(readdirSync(layout.tmp)).toEqual([]);
  });

  test('drops what is damaged instead of keeping the damage', async () => {
    const { layout, ref, raw, cold } = await keep(Buffer.alloc(9000, 'a'));
    writeFileSync(raw, Buffer.alloc(9000, 'b'));
    expect(await compressBlob(layout, ref.digest)).toEqual({ kind: 'damaged' });
    expect([existsSync(raw), existsSync(cold)]).toEqual([false, false]);
  });

  test('does nothing for what is gone, and names what the disk refuses', async () => {
    const { layout, ref, raw } = await keep(Buffer.alloc(9000, 'a'));
    expect(await compressBlob(layout, sha256('absent'))).toEqual({ kind: 'left' });
    rmSync(layout.tmp, { recursive: true });
    writeFileSync(layout.tmp, '');
    expect(await compressBlob(layout, ref.digest)).toMatchObject({ kind: 'unwritable' });
    rmSync(layout.tmp);
    rmSync(raw);
    mkdirSync(raw);
    expect(await compressBlob(layout, ref.digest)).toMatchObject({ kind: 'unwritable', code: 'EISDIR' });
  });
});
