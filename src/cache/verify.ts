import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { errnoOf } from '../cas/unwritable.ts';
import { type FoundFile, timeSlices, walkCache } from './cache-walk.ts';
import { blobsOf, type Entry, keepEntries, type Manifest } from './manifest.ts';
import { decodeManifest, isOtherVersion } from './manifest-format.ts';
import { type ManifestStore, openManifestStore } from './manifest-store.ts';

/** What `hgbuild cache verify --json` prints. Everything bad was removed; each costs one compile. */
export interface VerifyReport {
  readonly blobs: number;
  /** Blobs whose bytes are not what their name says. */
  readonly badBlobs: number;
  readonly manifests: number;
  /** Manifests that are torn, rotten or misnamed. */
  readonly badManifests: number;
  readonly entries: number;
  /** Results whose blobs are not all there. */
  readonly incompleteEntries: number;
  /** Files that could not be read, and were left. */
  readonly unreadable: number;
  /** Bytes read from the disk. */
  readonly bytes: number;
}

export interface VerifyProgress {
  readonly filesDone: number;
  readonly files: number;
  readonly bytesDone: number;
  readonly bytes: number;
}

type Verdict = 'good' | 'bad' | 'unreadable';

/** Reads everything and drops what is not what it should be. Beside working agents it is harmless. */
export async function verifyCache(
  layout: CacheLayout,
  onProgress: (progress: VerifyProgress) => void = () => {},
  now: () => number = Date.now,
): Promise<VerifyReport> {
  const begun = now();
  const { files, doubles } = await walkCache(layout);
  const all = [...files, ...doubles].filter((file) => file.kind !== 'source');
  const done = progressOf(all, onProgress);
  const blobs = await verifyBlobs(
    all.filter((file) => file.kind !== 'manifest'),
    done,
  );
  const manifests = await verifyManifests(
    layout,
    all.filter((file) => file.kind === 'manifest'),
    // What was stored since the walk began cannot be judged by it.
    (entry) => entry.storedAt >= begun || blobsOf(entry).every((ref) => blobs.good.has(ref.digest)),
    done,
  );
  return {
    blobs: blobs.count,
    badBlobs: blobs.bad,
    manifests: manifests.count,
    badManifests: manifests.bad,
    entries: manifests.entries,
    incompleteEntries: manifests.incomplete,
    unreadable: blobs.unreadable + manifests.unreadable,
    bytes: all.reduce((sum, file) => sum + file.size, 0),
  };
}

function progressOf(
  all: readonly FoundFile[],
  onProgress: (progress: VerifyProgress) => void,
): (file: FoundFile) => void {
  const bytes = all.reduce((sum, file) => sum + file.size, 0);
  let [filesDone, bytesDone] = [0, 0];
  return (file) => {
    filesDone += 1;
    bytesDone += file.size;
    onProgress({ filesDone, files: all.length, bytesDone, bytes });
  };
}

async function verifyBlobs(blobs: readonly FoundFile[], done: (file: FoundFile) => void) {
  const good = new Set<Digest>();
  let [bad, unreadable] = [0, 0];
  for (const file of blobs) {
    const verdict = await judgeBlob(file);
    if (verdict === 'bad' && removeQuietly(file.path)) bad += 1;
    if (verdict === 'unreadable') unreadable += 1;
    if (verdict === 'good' && file.digest) good.add(file.digest);
    done(file);
  }
  return { count: blobs.length, good, bad, unreadable };
}

async function verifyManifests(
  layout: CacheLayout,
  files: readonly FoundFile[],
  isComplete: (entry: Entry) => boolean,
  done: (file: FoundFile) => void,
) {
  const pause = timeSlices();
  const store = openManifestStore(layout);
  let [bad, unreadable, entries, incomplete] = [0, 0, 0, 0];
  for (const file of files) {
    await pause();
    const manifest = judgeManifest(file);
    if (manifest === 'bad' && removeQuietly(file.path)) bad += 1;
    if (manifest === 'unreadable') unreadable += 1;
    if (typeof manifest === 'object') {
      entries += manifest.entries.length;
      incomplete += dropIncomplete(store, manifest, isComplete);
    }
    done(file);
  }
  return { count: files.length, bad, unreadable, entries, incomplete };
}

async function judgeBlob(file: FoundFile): Promise<Verdict> {
  if (!file.regular) return 'bad';
  const name = createHash('sha256');
  const source = createReadStream(fsPath(file.path), { highWaterMark: 1 << 20 });
  const consume = async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) name.update(piece);
  };
  try {
    // In a stream, so that a frame that unfolds to a terabyte costs time and no memory.
    await (file.kind === 'cold' ? pipeline(source, createZstdDecompress(), consume) : pipeline(source, consume));
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return 'unreadable';
    if (error instanceof Error && 'code' in error) return 'bad';
    throw error;
  }
  return name.digest('hex') === file.digest ? 'good' : 'bad';
}

function judgeManifest(file: FoundFile): Manifest | 'bad' | 'unreadable' | 'other version' {
  if (!file.regular) return 'bad';
  try {
    const text = readFileSync(fsPath(file.path), 'latin1');
    const manifest = decodeManifest(text);
    if (manifest !== undefined && manifest.key === file.digest) return manifest;
    return isOtherVersion(text) ? 'other version' : 'bad';
  } catch (error) {
    errnoOf(error);
    return 'unreadable';
  }
}

/** Drops the entries that miss a blob, and the manifest with its last one. Gives how many there were. */
function dropIncomplete(store: ManifestStore, manifest: Manifest, isComplete: (entry: Entry) => boolean): number {
  const incomplete = manifest.entries.filter((entry) => !isComplete(entry)).length;
  if (incomplete === 0) return 0;
  store.update(manifest.key, (now) => {
    const left = now && keepEntries(now, isComplete);
    return left && left.entries.length > 0 ? left : undefined;
  });
  return incomplete;
}
