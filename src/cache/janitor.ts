import { rm } from 'node:fs/promises';
import { fsPath } from '../base/byte-string.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import { compressBlob, INCOMPRESSIBLE_MODE } from '../cas/compress-blob.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { errnoOf } from '../cas/unwritable.ts';
import { type FoundFile, look, timeSlices, walkCache, walkTmp } from './cache-walk.ts';
import { type EvictionPlan, planEviction } from './eviction-plan.ts';
import { foldStatistics } from './fold-statistics.ts';
import { type JanitorLock, takeJanitorLock } from './janitor-lock.ts';
import { readSmallJson, writeSmallJson } from './small-file.ts';
import type { Statistics } from './statistics.ts';

/**
 * Keeps a cache directory in order, in small steps beside the agent's work: leftovers away, statistics folded, least
 * recently used files evicted, cold blobs compressed. Everything it does is harmless to whoever uses the cache at the
 * same time, another janitor included: the worst is a miss.
 */
export interface Janitor {
  /** Does a round if one is due and nobody else is at it; undefined if not. Cheap enough to call every minute. */
  run(): Promise<JanitorReport | undefined>;
}

export interface JanitorOptions {
  /** Above this many bytes files are evicted; `Infinity` for never. */
  readonly maxBytes: number;
  /** Blobs unused for this long are compressed; `Infinity` for never. */
  readonly compressAfterMs: number;
  /** Where evictions are counted, and whose writes tell how much the cache has grown since the last round. */
  readonly statistics?: Statistics;
  readonly now?: () => number;
}

export interface JanitorReport {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly files: number;
  readonly evictedFiles: number;
  readonly evictedBytes: number;
  readonly compressedBlobs: number;
  /** Bytes that compression saved. */
  readonly savedBytes: number;
  readonly damagedBlobs: number;
  readonly leftoversRemoved: number;
  readonly statisticsFolded: number;
}

/** A walk over 100,000 files costs 0.3 s of CPU: often enough to find what other agents wrote. */
const ROUND_EVERY_MS = 1_800_000;
/** The launcher of a very long compile still writes: nothing younger is touched. */
const LEFTOVER_AFTER_MS = 3_600_000;
/** A file of less than a block saves nothing. */
const SMALLEST_TO_COMPRESS = 4097;
/** About a second of one core; the rest waits for the next round, a build may be running. */
const COMPRESS_AT_MOST_BYTES = 256 << 20;

export function janitor(layout: CacheLayout, options: JanitorOptions): Janitor {
  const now = options.now ?? Date.now;
  const growth = growthSince(options.statistics);
  let running = false;
  let unfinished = false;

  function isDue(): boolean {
    const hint = readSizeHint(layout);
    if (hint === undefined || unfinished) return true;
    const age = now() - hint.at;
    return age < 0 || age > ROUND_EVERY_MS || hint.bytes + growth.since(hint.at) > options.maxBytes;
  }

  return {
    async run() {
      if (running || !isDue()) return undefined;
      const lock = takeJanitorLock(layout, now);
      if (lock === undefined) return undefined;
      running = true;
      try {
        const { report, more } = await round(layout, options, now, lock);
        unfinished = more;
        growth.restart(readSizeHint(layout)?.at);
        options.statistics?.add('evictedFiles', report.evictedFiles);
        options.statistics?.add('evictedBytes', report.evictedBytes);
        return report;
      } finally {
        running = false;
        lock.release();
      }
    },
  };
}

interface SizeHint {
  readonly bytes: number;
  readonly files: number;
  readonly at: number;
}

/** What the last round of any agent found; undefined before the first. */
export function readSizeHint(layout: CacheLayout): SizeHint | undefined {
  const { bytes, files, at } = readSmallJson(layout.sizeHint) ?? {};
  if (typeof bytes !== 'number' || typeof files !== 'number' || typeof at !== 'number') return undefined;
  return { bytes, files, at };
}

/** How many bytes this agent wrote since the size was last taken. */
function growthSince(statistics: Statistics | undefined) {
  const written = () => statistics?.counted().bytesWritten ?? 0;
  let taken: number | undefined;
  let then = 0;
  const restart = (at: number | undefined): void => {
    taken = at;
    then = written();
  };
  return {
    restart,
    since(at: number): number {
      // Another agent's janitor took the size meanwhile.
      if (taken !== at) restart(at);
      return written() - then;
    },
  };
}

async function round(
  layout: CacheLayout,
  { maxBytes, compressAfterMs }: JanitorOptions,
  now: () => number,
  lock: JanitorLock,
): Promise<{ report: JanitorReport; more: boolean }> {
  const leftoversRemoved = await removeLeftovers(layout, now());
  const statisticsFolded = foldStatistics(layout, now);
  const { files, doubles } = await walkCache(layout);
  for (const file of doubles) removeQuietly(file.path);
  lock.refresh();
  const plan = planEviction(files, maxBytes);
  const evicted = await evict(plan);
  const gone = new Set(plan.evict);
  const cold = files.filter((file) => isCompressible(file) && file.usedMs < now() - compressAfterMs && !gone.has(file));
  const compressed = await compressCold(layout, cold, lock);
  const bytesAfter = plan.bytesBefore - evicted.bytes - compressed.savedBytes;
  writeSmallJson(layout, layout.sizeHint, { v: 1, bytes: bytesAfter, files: files.length - evicted.files, at: now() });
  const report = {
    bytesBefore: plan.bytesBefore,
    bytesAfter,
    files: files.length - evicted.files,
    evictedFiles: evicted.files,
    evictedBytes: evicted.bytes,
    compressedBlobs: compressed.blobs,
    savedBytes: compressed.savedBytes,
    damagedBlobs: compressed.damaged,
    leftoversRemoved,
    statisticsFolded,
  };
  return { report, more: compressed.more };
}

/** Removes what writers left behind when they died. A directory is a room whose clearing was interrupted. */
export async function removeLeftovers(layout: CacheLayout, now: number): Promise<number> {
  const pause = timeSlices();
  let removed = 0;
  for (const file of walkTmp(layout)) {
    if (now - file.usedMs <= LEFTOVER_AFTER_MS) continue;
    await pause();
    if (file.regular ? removeQuietly(file.path) : await removeDirectory(file.path)) removed += 1;
  }
  return removed;
}

async function removeDirectory(path: string): Promise<boolean> {
  try {
    await rm(fsPath(path), { recursive: true, force: true });
    return true;
  } catch (error) {
    errnoOf(error);
    return false;
  }
}

/** Removes planned files, those excepted that somebody used since. */
export async function evict(plan: EvictionPlan<FoundFile>): Promise<{ files: number; bytes: number }> {
  const pause = timeSlices();
  let files = 0;
  let bytes = 0;
  for (const file of plan.evict) {
    await pause();
    if (look(file.path, file.kind, file.digest)?.usedMs !== file.usedMs || !removeQuietly(file.path)) continue;
    files += 1;
    bytes += file.bytes;
  }
  return { files, bytes };
}

interface Compression {
  readonly blobs: number;
  readonly savedBytes: number;
  readonly damaged: number;
  /** Some were left for the next round. */
  readonly more: boolean;
}

/** One at a time: a build has the machine. */
async function compressCold(layout: CacheLayout, files: readonly FoundFile[], lock: JanitorLock): Promise<Compression> {
  let [blobs, savedBytes, damaged, bytes] = [0, 0, 0, 0];
  for (const file of files) {
    if (file.digest === undefined) continue;
    if (bytes > COMPRESS_AT_MOST_BYTES) return { blobs, savedBytes, damaged, more: true };
    const result = await compressBlob(layout, file.digest);
    lock.refresh();
    bytes += file.size;
    if (result.kind === 'unwritable') break;
    if (result.kind === 'damaged') damaged += 1;
    if (result.kind !== 'compressed') continue;
    blobs += 1;
    savedBytes += result.savedBytes;
  }
  return { blobs, savedBytes, damaged, more: false };
}

function isCompressible(file: FoundFile): boolean {
  return (
    file.kind === 'raw' &&
    file.regular &&
    file.size >= SMALLEST_TO_COMPRESS &&
    (file.mode & 0o777) !== INCOMPRESSIBLE_MODE
  );
}
