import { lstatSync, readFileSync, type Stats } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { moveIntoPlace, removeQuietly, writeTmp } from '../cas/atomic-write.ts';
import { type CacheLayout, shardedPath } from '../cas/layout.ts';
import { errnoOf, type Unwritable } from '../cas/unwritable.ts';
import { useMarks } from '../cas/use-marks.ts';
import type { Field } from './fingerprint.ts';
import { addEntry, emptyManifest, type Manifest, type NewEntry } from './manifest.ts';
import { decodeManifest, encodeManifest, isOtherVersion } from './manifest-format.ts';

export type ManifestWritten = { readonly kind: 'stored'; readonly bytes: number } | Unwritable;

/**
 * Manifests on disk, by fingerprint. Readers see a whole manifest or none; what is damaged is dropped and absent.
 * Writers do not lock, which NFS does not do well: who finds that somebody was faster merges again.
 */
export interface ManifestStore {
  read(key: Digest): Manifest | undefined;
  /** Puts an entry first into the manifest of `key`, which is made if need be. */
  add(key: Digest, fields: readonly Field[], entry: NewEntry): ManifestWritten;
  /** Reads, changes and writes. `change` may be called again with a newer manifest; undefined drops it. */
  update(key: Digest, change: (found: Manifest | undefined) => Manifest | undefined): ManifestWritten;
  drop(key: Digest): void;
  /** Marks a manifest as used now, for the eviction order. */
  touch(key: Digest): void;
  /** Writes pending marks of use. */
  flush(): Promise<void>;
}

/**
 * Two agents that keep on meeting on one manifest give up merging after this. What is lost then, or by a writer that
 * is stopped between its last look and its rename, are entries: a compile is repeated. Within one agent nothing is.
 */
const MERGES = 8;
/** The largest manifest we write is about 10 MB. */
const MAX_FILE_BYTES = 64 << 20;
/** Decoded manifests kept in memory, counted by the size of their files: some 700 of 45 kB. */
const MEMORY_BYTES = 32 << 20;

/**
 * A manifest that was written since needs no mark of use: its time is the one of the mark, as exact as eviction wants it.
 * And a mark makes the file another one to the memory of the manifests: each that was stored and delivered was read again.
 */
const MARKED_AFTER_MS = 3_600_000;

export function openManifestStore(layout: CacheLayout, now: () => number = Date.now): ManifestStore {
  const marks = useMarks(now);
  const memory = decodedMemory();
  const pathOf = (key: Digest) => shardedPath(layout.manifests, key, '.json');

  function readAt(key: Digest, path: string, stats: Stats | undefined): Manifest | undefined {
    if (stats === undefined) return undefined;
    const known = memory.get(key, stats);
    if (known) return known;
    const manifest = load(path, stats, key);
    if (manifest) memory.set(key, stats, manifest);
    return manifest;
  }

  function update(key: Digest, change: (found: Manifest | undefined) => Manifest | undefined): ManifestWritten {
    const path = pathOf(key);
    for (let merge = 1; ; merge += 1) {
      const before = statsOf(path);
      const manifest = change(readAt(key, path, before));
      if (manifest === undefined) {
        removeQuietly(path);
        return { kind: 'stored', bytes: 0 };
      }
      const data = encodeManifest(manifest);
      const tmp = writeTmp(layout, data);
      if (typeof tmp !== 'string') return tmp;
      if (merge < MERGES && identityOf(statsOf(path)) !== identityOf(before)) {
        removeQuietly(tmp);
        continue;
      }
      // Looked at while nobody else knows it: what lies at the path after the rename may be another's already.
      const written = statsOf(tmp);
      const failed = moveIntoPlace(layout, tmp, path);
      if (failed === undefined && written !== undefined) memory.set(key, written, manifest);
      return failed ?? { kind: 'stored', bytes: data.length };
    }
  }

  return {
    read(key) {
      const path = pathOf(key);
      return readAt(key, path, statsOf(path));
    },
    update,
    add: (key, fields, entry) => update(key, (found) => addEntry(found ?? emptyManifest(key, fields), entry)),
    drop: (key) => void removeQuietly(pathOf(key)),
    touch(key) {
      if (now() - memory.fileTime(key) > MARKED_AFTER_MS) marks.mark(pathOf(key));
    },
    flush: () => marks.flush(),
  };
}

function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(fsPath(path), { throwIfNoEntry: false });
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

/** Another file under the same name has another identity: files are only ever put in place by rename. */
function identityOf(stats: Stats | undefined): string {
  return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
}

/** Reads and proves a manifest; removes what is none, unless another version of the program may want it. */
function load(path: string, stats: Stats, key: Digest): Manifest | undefined {
  if (!stats.isFile() || stats.size > MAX_FILE_BYTES) {
    removeQuietly(path);
    return undefined;
  }
  try {
    const text = readFileSync(fsPath(path), 'latin1');
    const manifest = decodeManifest(text);
    if (manifest?.key === key) return manifest;
    if (!isOtherVersion(text)) removeQuietly(path);
  } catch (error) {
    errnoOf(error); // Evicted meanwhile, or not readable just now: a miss.
  }
  return undefined;
}

interface Decoded {
  readonly identity: string;
  /** When the file was written or marked, in milliseconds since 1970. */
  readonly time: number;
  readonly bytes: number;
  readonly manifest: Manifest;
}

/** Decoding a manifest of 272 inputs and 1,450 absent names takes 0.14 ms, looking it up here nothing. */
function decodedMemory() {
  const kept = new Map<Digest, Decoded>();
  let bytes = 0;

  function forget(key: Digest): void {
    bytes -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
  }

  return {
    /** Of the file as it was read or written last; infinitely long ago for one that is not remembered. */
    fileTime: (key: Digest): number => kept.get(key)?.time ?? Number.NEGATIVE_INFINITY,
    get(key: Digest, stats: Stats): Manifest | undefined {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      forget(key);
      if (found.identity !== identityOf(stats)) return undefined;
      kept.set(key, found); // Last in the order of insertion: most recently used.
      bytes += found.bytes;
      return found.manifest;
    },
    set(key: Digest, stats: Stats, manifest: Manifest): void {
      forget(key);
      kept.set(key, { identity: identityOf(stats), time: stats.mtimeMs, bytes: stats.size, manifest });
      bytes += stats.size;
      for (const oldest of kept.keys()) {
        if (bytes <= MEMORY_BYTES) break;
        forget(oldest);
      }
    },
  };
}
