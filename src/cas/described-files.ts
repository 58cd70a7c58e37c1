import { type BigIntStats, closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { removeQuietly } from './atomic-write.ts';
import type { BlobRef } from './blob-store.ts';
import { asUnwritable, type Unwritable } from './unwritable.ts';

/**
 * Files that were written here from bytes in memory, with what these bytes are called: to read and hash them again when
 * they are adopted would take longer than to write them.
 */
export interface DescribedFiles {
  /** Writes a new file that only the user may read. Leaves nothing behind when it fails. No `ref`: it is not known yet. */
  write(path: string, bytes: Uint8Array, ref: BlobRef | undefined): Unwritable | undefined;
  /** What the file is called, once, if `found` says that nobody has touched it since. */
  take(path: string, found: BigIntStats): BlobRef | undefined;
}

/** Files whose adoption never comes are forgotten when so many others were written. */
const REMEMBERED = 256;

interface Written {
  readonly ref: BlobRef;
  readonly stamp: string;
}

export function describedFiles(): DescribedFiles {
  const written = new Map<string, Written>();
  return {
    write(path, bytes, ref) {
      const stamp = writeNew(path, bytes);
      if (typeof stamp !== 'string') return stamp;
      if (ref === undefined) return undefined;
      const [oldest] = written.keys();
      if (written.size >= REMEMBERED && oldest !== undefined) written.delete(oldest);
      written.set(path, { ref, stamp });
      return undefined;
    },
    take(path, found) {
      const known = written.get(path);
      written.delete(path);
      return known?.stamp === stampOf(found) ? known.ref : undefined;
    },
  };
}

function writeNew(path: string, bytes: Uint8Array): string | Unwritable {
  try {
    const file = openSync(fsPath(path), 'wx', 0o600);
    try {
      writeFileSync(file, bytes);
      return stampOf(fstatSync(file, { bigint: true }));
    } finally {
      closeSync(file); // NFS and quotas may report the full disk only here.
    }
  } catch (error) {
    const problem = asUnwritable(error);
    if (problem.code !== 'EEXIST') removeQuietly(path);
    return problem;
  }
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}
