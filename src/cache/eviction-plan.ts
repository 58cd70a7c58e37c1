/** A file of the cache as eviction sees it. */
export interface CachedFile {
  readonly path: string;
  /** Bytes it takes on the disk, see {@link diskBytes}. */
  readonly bytes: number;
  /** Time of last use, milliseconds since 1970. */
  readonly usedMs: number;
}

export interface EvictionPlan<F extends CachedFile> {
  /** Least recently used first. */
  readonly evict: readonly F[];
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Evicting a little more than needed keeps the next results from evicting again at once. */
export const EVICT_TO = 0.9;

const BLOCK = 4096;

/**
 * A file's size in whole blocks. Not `st_blocks`, which is 0 for a while after writing (delayed allocation) and less
 * than the truth on compressing file systems.
 */
export function diskBytes(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/**
 * Which files to remove so that a cache above its limit comes down to `share` of it. Pure. Manifests and blobs are
 * ranked alike: a hit marks both, and either without the other is only a miss.
 */
export function planEviction<F extends CachedFile>(
  files: readonly F[],
  limit: number,
  share: number = EVICT_TO,
): EvictionPlan<F> {
  const bytesBefore = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytesBefore <= limit) return { evict: [], bytesBefore, bytesAfter: bytesBefore };
  const oldestFirst = files.toSorted((a, b) => a.usedMs - b.usedMs || (a.path < b.path ? -1 : 1));
  const evict: F[] = [];
  let bytesAfter = bytesBefore;
  for (const file of oldestFirst) {
    if (bytesAfter <= limit * share) break;
    evict.push(file);
    bytesAfter -= file.bytes;
  }
  return { evict, bytesBefore, bytesAfter };
}
