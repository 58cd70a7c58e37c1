import { readFileSync } from 'node:fs';
import { fsPath } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { Blob } from '../../contract/generated/hybridgrid/v1/build.ts';
import type { Shipment } from './grid.ts';

/** Sent along with the question if there are no more: mostly the source alone is new. */
const INLINE_BLOBS = 4;
const INLINE_BYTES = 256 << 10;

/** The contents that the grid lacks for all we know, if they are few and small: read now, and what they are said to be. */
export function fewUnknown(shipment: Shipment, known: ReadonlyMap<Digest, unknown>): readonly Blob[] {
  const unknown = [...shipment.files].filter(([digest]) => !known.has(digest));
  if (unknown.length > INLINE_BLOBS) return [];
  const blobs: Blob[] = [];
  let size = 0;
  for (const [digest, path] of unknown) {
    try {
      const data = readFileSync(fsPath(path));
      size += data.length;
      if (size > INLINE_BYTES || sha256(data) !== digest) return [];
      blobs.push({ digest: Buffer.from(digest, 'hex'), data });
    } catch {
      return [];
    }
  }
  return blobs;
}
