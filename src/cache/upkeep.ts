import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import { type CacheLayout, makeDirectory } from '../cas/layout.ts';
import { asUnwritable, type Unwritable } from '../cas/unwritable.ts';
import { type FileKind, type FoundFile, walkCache, walkTmp } from './cache-walk.ts';
import { planEviction } from './eviction-plan.ts';
import { evict, removeLeftovers } from './janitor.ts';
import { writeSmallJson } from './small-file.ts';

/** Files of one kind. Bytes are what they take on the disk, in whole blocks. */
export interface Share {
  readonly files: number;
  readonly bytes: number;
}

/** What lies in a cache directory, as `hgbuild cache stats --json` prints it. */
export interface CacheUsage {
  readonly directory: string;
  /** All but the files being written. */
  readonly files: number;
  readonly bytes: number;
  /** Stored outputs as they are. */
  readonly blobs: Share;
  /** Stored outputs that were compressed because nobody used them for a while. */
  readonly coldBlobs: Share;
  readonly manifests: Share;
  /** The last command of each source. */
  readonly sources: Share;
  /** Files being written now, or left behind. */
  readonly tmp: Share;
  /** Last use of the least recently used file, ISO 8601; null in an empty cache. */
  readonly oldestUse: string | null;
}

/** What a command removed. */
export interface Removed {
  readonly kind: 'removed';
  readonly files: number;
  readonly bytes: number;
  /** What is left. */
  readonly bytesAfter: number;
}

/** Counts everything. Works on a directory that does not exist: it is empty. */
export async function cacheUsage(layout: CacheLayout): Promise<CacheUsage> {
  const { files, doubles } = await walkCache(layout);
  const all = [...files, ...doubles];
  const share = (kind: FileKind) => shareOf(all.filter((file) => file.kind === kind));
  const oldest = all.reduce((least, file) => Math.min(least, file.usedMs), Number.POSITIVE_INFINITY);
  return {
    directory: layout.root,
    ...shareOf(all),
    blobs: share('raw'),
    coldBlobs: share('cold'),
    manifests: share('manifest'),
    sources: share('source'),
    tmp: shareOf(walkTmp(layout)),
    oldestUse: Number.isFinite(oldest) ? new Date(oldest).toISOString() : null,
  };
}

function shareOf(files: readonly FoundFile[]): Share {
  return { files: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
}

/** Removes the least recently used files until the cache is not above `limit` bytes. */
export async function pruneCache(
  layout: CacheLayout,
  limit: number,
  now: () => number = Date.now,
): Promise<Removed | Unwritable> {
  await removeLeftovers(layout, now());
  const { files, doubles } = await walkCache(layout);
  const plan = planEviction([...files, ...doubles], limit, 1);
  const removed = await evict(plan);
  if (removed.files === 0 && plan.evict.length > 0) {
    const problem = probe(layout);
    if (problem) return problem;
  }
  const bytesAfter = plan.bytesBefore - removed.bytes;
  const left = files.length + doubles.length - removed.files;
  writeSmallJson(layout, layout.sizeHint, { v: 1, bytes: bytesAfter, files: left, at: now() });
  return { kind: 'removed', ...removed, bytesAfter };
}

function probe(layout: CacheLayout): Unwritable | undefined {
  return writeSmallJson(layout, layout.sizeHint, {});
}

/**
 * Removes everything but the counters. The rooms are first renamed away as a whole, so that an agent at work sees
 * either the old cache or an empty one, and makes its directories anew.
 */
export async function clearCache(layout: CacheLayout): Promise<Removed | Unwritable> {
  const { files, doubles } = await walkCache(layout);
  const { files: count, bytes } = shareOf([...files, ...doubles]);
  if (count === 0) return { kind: 'removed', files: 0, bytes: 0, bytesAfter: 0 };
  const problem = makeDirectory(layout, layout.tmp);
  if (problem) return problem;
  for (const room of [layout.manifests, layout.blobs, layout.sources]) {
    const away = `${layout.tmp}/cleared-${randomBytes(6).toString('hex')}`;
    try {
      renameSync(fsPath(room), fsPath(away));
    } catch (error) {
      const failed = asUnwritable(error);
      if (failed.code === 'ENOENT') continue;
      return failed;
    }
    removeQuietly(away);
  }
  removeQuietly(layout.sizeHint);
  return { kind: 'removed', files: count, bytes, bytesAfter: 0 };
}
