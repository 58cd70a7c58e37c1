import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream, statSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { errnoOf } from '../cas/unwritable.ts';

/** Everything that changes with a file's content: equal stamps are equal bytes, once the file has been quiet. */
export type Stamp = string & { readonly __brand: 'Stamp' };

/** The stamp of what a path leads to; undefined unless it is a regular file. */
export function stampOf(path: string): Stamp | undefined {
  try {
    const found = statSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    return found?.isFile() === true ? toStamp(found) : undefined;
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

function toStamp({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Stamp {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}` as Stamp;
}

/** Writes within one tick of the kernel's clock leave one ctime; two seconds cover every file system's. */
const QUIET_MS = 2_000;

/** Was the file last changed long enough ago that another change would show? */
export function isQuiet(stamp: Stamp, nowMs: number): boolean {
  return nowMs - Number(BigInt(stamp.slice(stamp.lastIndexOf(' ') + 1)) / 1_000_000n) > QUIET_MS;
}

/** The digest of a file's content; undefined if it cannot be read or is changed meanwhile. */
export async function digestFile(path: string): Promise<{ digest: Digest; stamp: Stamp } | undefined> {
  const stamp = stampOf(path);
  if (stamp === undefined) return undefined;
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(fsPath(path), { highWaterMark: 1 << 20 })) hash.update(piece);
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
  return stampOf(path) === stamp ? { digest: hash.digest('hex') as Digest, stamp } : undefined;
}
