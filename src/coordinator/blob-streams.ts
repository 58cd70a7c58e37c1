import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { asUnwritable, errnoOf, type Unwritable } from '../cas/unwritable.ts';

/** The bytes on the disk are not those of the name. */
export class DamagedBlob extends Error {
  override readonly name = 'DamagedBlob';
}

/** Read at once; as long as one step of the event loop may take. */
const PIECE = 256 << 10;

/** What was written, or why it was not. */
export type Written = { readonly digest: string; readonly size: number } | { readonly kind: 'too-large' } | Unwritable;

/** Writes a source to a new file, naming its bytes. Errors of the source are thrown, errors of the disk are answers. Closes the file. */
export async function writeAll(
  file: FileHandle,
  source: AsyncIterable<Uint8Array>,
  limitBytes: number,
): Promise<Written> {
  const name = createHash('sha256');
  let size = 0;
  try {
    for await (const piece of source) {
      size += piece.length;
      if (size > limitBytes) return { kind: 'too-large' };
      name.update(piece);
      // Not `write`, which may take a part only, as it does just before the disk is full.
      const failed = await file.writeFile(piece).then(() => undefined, asUnwritable);
      if (failed !== undefined) return failed;
    }
  } finally {
    await file.close().catch(errnoOf);
  }
  return { digest: name.digest('hex'), size };
}

/**
 * The bytes of a file, the last piece only once all are known to be right; else `onDamage` is called and
 * {@link DamagedBlob} thrown. Closes the file.
 */
export async function* provedPieces(
  handle: FileHandle,
  { digest, size }: { readonly digest: string; readonly size: number },
  onDamage: () => void,
): AsyncGenerator<Buffer> {
  const name = createHash('sha256');
  let read = 0;
  let held: Buffer | undefined;
  try {
    while (read <= size) {
      const piece = await handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE, read);
      if (piece.bytesRead === 0) break;
      if (held !== undefined) yield held;
      held = piece.buffer.subarray(0, piece.bytesRead);
      read += piece.bytesRead;
      name.update(held);
    }
    if (read !== size || name.digest('hex') !== digest) {
      onDamage();
      throw new DamagedBlob(`blob ${digest} is damaged`);
    }
    if (held !== undefined) yield held;
  } finally {
    await handle.close();
  }
}
