/** A file of the cache as eviction sees it. */
export interface CachedFile {
  readonly path: string;
  /** Bytes it takes on the disk, see {@link diskBytes}. */
  readonly bytes: number;
  /** Time of last use, milliseconds since 1970. */
  readonly usedMs: number;
}

export interface EvictionPlan<F extends CachedFile> {
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
  const evict = leastRecentlyUsed(files, bytesBefore - limit * share);
  return { evict, bytesBefore, bytesAfter: evict.reduce((left, file) => left - file.bytes, bytesBefore) };
}

const BUCKETS = 1024;
/** So few are sorted; more are divided first: sorting 100,000 files would hold up the agent for 160 ms. */
const SORTED_AT_MOST = 2048;

/** The fewest of the least recently used files that hold `needed` bytes; all where they do not. In no order. */
function leastRecentlyUsed<F extends CachedFile>(files: readonly F[], needed: number): F[] {
  if (files.length <= SORTED_AT_MOST)
    return take(
      files.toSorted((a, b) => a.usedMs - b.usedMs),
      needed,
    );
  const bucketOf = bucketing(files);
  // All of one time: any are as good as others.
  if (bucketOf === undefined) return take(files, needed);
  const sums = new Float64Array(BUCKETS);
  for (const file of files) sums[bucketOf(file)] = (sums[bucketOf(file)] as number) + file.bytes;
  let boundary = 0;
  let before = 0;
  while (boundary < BUCKETS - 1 && before + (sums[boundary] as number) < needed) {
    before += sums[boundary] as number;
    boundary += 1;
  }
  const older = files.filter((file) => bucketOf(file) < boundary);
  const among = files.filter((file) => bucketOf(file) === boundary);
  return [...older, ...leastRecentlyUsed(among, needed - before)];
}

/** Divides the span between the oldest and the newest use evenly; the two are never in one bucket. */
function bucketing(files: readonly CachedFile[]): ((file: CachedFile) => number) | undefined {
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  for (const { usedMs } of files) {
    oldest = Math.min(oldest, usedMs);
    newest = Math.max(newest, usedMs);
  }
  if (!(newest > oldest)) return undefined;
  return ({ usedMs }) => Math.min(BUCKETS - 1, Math.floor(((usedMs - oldest) / (newest - oldest)) * BUCKETS));
}

function take<F extends CachedFile>(files: readonly F[], needed: number): F[] {
  let bytes = 0;
  let count = 0;
  while (count < files.length && bytes < needed) {
    bytes += (files[count] as F).bytes;
    count += 1;
  }
  return files.slice(0, count);
}
