import { readFileSync } from 'node:fs';
import { fsPath } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { WholeBlob } from '../../contract/blob-pack.ts';
import type { Blob } from '../../contract/generated/hybridgrid/v1/build.ts';
import type { Shipment } from './grid.ts';

/** Sent along with the question if there are no more: mostly the source alone is new. */
const INLINE_BLOBS = 4;
const INLINE_BYTES = 256 << 10;

/** The contents that the grid lacks for all we know, if they are few and small: read now, and what they are said to be. */
export function fewUnknown({ files }: Shipment, known: ReadonlyMap<Digest, unknown>): readonly Blob[] {
  const unknown = [...files.keys()].filter((digest) => !known.has(digest));
  if (unknown.length > INLINE_BLOBS) return [];
  const blobs: Blob[] = [];
  let size = 0;
  for (const digest of unknown) {
    const blob = readSmall(digest, files);
    size += blob?.data.length ?? 0;
    if (blob === undefined || size > INLINE_BYTES) return [];
    blobs.push({ digest: Buffer.from(digest, 'hex'), data: blob.data as Buffer });
  }
  return blobs;
}

/** A content, if it is small, and still what it is said to be. */
export function readSmall(digest: Digest, files: ReadonlyMap<Digest, string>): WholeBlob | undefined {
  const path = files.get(digest);
  try {
    const data = path === undefined ? undefined : readFileSync(fsPath(path));
    return data === undefined || data.length > INLINE_BYTES || sha256(data) !== digest ? undefined : { digest, data };
  } catch {
    return undefined;
  }
}
