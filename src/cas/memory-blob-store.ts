import type { Digest } from '../base/digest.ts';
import { describeBytes } from './blob-hashing.ts';
import type { BlobStore } from './blob-store.ts';
import { loadChecksums } from './checksum.ts';

/** Blobs in memory: for tests of what stores and reads, and for small hot blobs in front of a slower store. */
export async function openMemoryBlobStore(): Promise<BlobStore> {
  const checksums = await loadChecksums();
  const blobs = new Map<Digest, Buffer>();
  return {
    put(bytes) {
      const ref = describeBytes(bytes, checksums);
      blobs.set(ref.digest, Buffer.from(bytes));
      return { kind: 'stored', ref };
    },
    read(ref) {
      const bytes = blobs.get(ref.digest);
      return bytes?.length === ref.size ? Buffer.from(bytes) : undefined;
    },
    drop: (digest) => void blobs.delete(digest),
    touch: () => {},
  };
}
