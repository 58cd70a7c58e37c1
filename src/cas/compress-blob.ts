import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, createWriteStream, lstatSync, renameSync, utimesSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { removeQuietly } from './atomic-write.ts';
import { COLD_SUFFIX } from './cold-blob.ts';
import { type CacheLayout, makeDirectory, shardedPath, tmpPath } from './layout.ts';
import { asUnwritable, type Unwritable } from './unwritable.ts';

/** Level 3 is zstd's default: objects shrink to a third at some 300 MB/s. */
const LEVEL = 3;
/** Decompressing costs at the next use: it must save at least a tenth. */
const WORTH = 0.9;
/** The mode of a raw blob that is not worth compressing, so that nobody tries again. */
export const INCOMPRESSIBLE_MODE = 0o400;

export type Compressed =
  | { readonly kind: 'compressed'; readonly savedBytes: number }
  /** Left as it is: not worth it, used meanwhile, or gone. */
  | { readonly kind: 'left' }
  /** Its bytes are not what its name says: it was dropped. */
  | { readonly kind: 'damaged' }
  | Unwritable;

/**
 * Turns a raw blob into a cold one, checking its SHA-256 on the way. The cold form keeps the time of last use, and is
 * in place before the raw one goes: whoever looks in between finds one of them.
 */
export async function compressBlob(layout: CacheLayout, digest: Digest): Promise<Compressed> {
  const raw = shardedPath(layout.blobs, digest);
  const tmp = tmpPath(layout, 'zst');
  const failed = makeDirectory(layout, layout.tmp);
  if (failed) return failed;
  try {
    const before = lstatSync(fsPath(raw));
    const found = await compressInto(raw, tmp);
    if (found !== digest) return given(tmp, removeQuietly(raw) ? { kind: 'damaged' } : { kind: 'left' });
    const saved = before.size - lstatSync(fsPath(tmp)).size;
    if (saved < before.size * (1 - WORTH)) {
      chmodSync(fsPath(raw), INCOMPRESSIBLE_MODE);
      return given(tmp, { kind: 'left' });
    }
    if (lstatSync(fsPath(raw)).mtimeMs !== before.mtimeMs) return given(tmp, { kind: 'left' });
    utimesSync(fsPath(tmp), before.mtimeMs / 1000, before.mtimeMs / 1000);
    renameSync(fsPath(tmp), fsPath(shardedPath(layout.blobs, digest, COLD_SUFFIX)));
    removeQuietly(raw);
    return { kind: 'compressed', savedBytes: saved };
  } catch (error) {
    const problem = asUnwritable(error);
    return given(tmp, problem.code === 'ENOENT' ? { kind: 'left' } : problem);
  }
}

function given(tmp: string, answer: Compressed): Compressed {
  removeQuietly(tmp);
  return answer;
}

/** Compresses a file into a new one; gives the digest of what was read. */
async function compressInto(raw: string, tmp: string): Promise<string> {
  const name = createHash('sha256');
  const hashing = new Transform({
    transform(piece: Buffer, _encoding, done) {
      name.update(piece);
      done(null, piece);
    },
  });
  await pipeline(
    createReadStream(fsPath(raw), { highWaterMark: 1 << 18 }),
    hashing,
    createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }),
    createWriteStream(fsPath(tmp), { flags: 'wx', mode: 0o600 }),
  );
  return name.digest('hex');
}
