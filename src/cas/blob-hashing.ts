import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import type { BlobRef } from './blob-store.ts';
import type { Checksums } from './checksum.ts';

/** 1 MiB is 0.7 ms of hashing: as long as one step of the event loop may take. */
const STEP = 1 << 20;

/** Names and describes bytes held in memory. */
export function describeBytes(bytes: Uint8Array, checksums: Checksums): BlobRef {
  return { digest: sha256(bytes), size: bytes.length, checksum: checksums.of(bytes) };
}

/** The same for many bytes, leaving the event loop between steps. */
export async function describeManyBytes(bytes: Uint8Array, checksums: Checksums): Promise<BlobRef> {
  return describePieces(pieces(bytes), checksums);
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += STEP) {
    yield bytes.subarray(at, at + STEP);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The same for a file of any size, in steps. */
export function describeFile(path: string, checksums: Checksums): Promise<BlobRef> {
  return describePieces(createReadStream(fsPath(path), { highWaterMark: STEP }), checksums);
}

async function describePieces(source: AsyncIterable<Uint8Array>, checksums: Checksums): Promise<BlobRef> {
  const name = createHash('sha256');
  const sum = checksums.stream();
  let size = 0;
  for await (const piece of source) {
    name.update(piece);
    sum.update(piece);
    size += piece.length;
  }
  return { digest: name.digest('hex') as Digest, size, checksum: sum.digest() };
}
