import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { type FileScan, scanDirectives } from '../includes/directives.ts';
import { createKnownWalks, type KnownWalks } from '../includes/known-walks.ts';
import { createLookups, type Lookups } from '../includes/lookups.ts';
import type { Stamp } from './answers.ts';
import type { WayMemory } from './ways.ts';

/**
 * What the agent remembers about files between compiles: digests, include directives and directory listings, each
 * valid for one stamp (dev, ino, size, mtime, ctime). Only what had been quiet for {@link QUIET_NS} when it was read is
 * remembered: a file changed twice within one tick of a coarse clock would otherwise keep its stamp and its old digest.
 */

/** Coarsest time stamps in use: FAT's 2 s. */
const QUIET_NS = 2_000_000_000n;

export interface FileDigest {
  /** SHA-256 of the content. */
  readonly digest: Digest;
  readonly stamp: Stamp;
  /** False while the file is too young for its stamp to prove its content. */
  readonly settled: boolean;
  /** Its directives, once they were asked for. */
  scan?: FileScan;
}

export interface FileStates {
  /** The stamp of whatever lies at `path` (links followed); undefined if nothing does. */
  stampOf(path: string): StampedKind | undefined;
  /** Digest of a regular file; undefined if it is none or cannot be read. `at`: its stamp, if it was just taken. */
  digestOf(path: string, at?: StampedKind): FileDigest | undefined;
  /** The directives of a regular file, memoised by content. `digest`: that of its content, if it is known. */
  scanOf(path: string, digest?: Digest): FileScan | undefined;
  /** The names in a directory; `settled` as for digests. */
  listingOf(path: string): Listing | undefined;
  /** Whether a readable directory has no entry of this name. */
  lacks(directory: string, name: string): boolean;
  realPathOf(path: string): string | undefined;
  /** Whether the last name of a path is a symbolic link. */
  isLink(path: string): boolean;
  /** Whether a directory has an entry of this name, be it a link to nothing. */
  hasEntry(path: string): boolean;
  /** What is remembered of name lookups over these directories. */
  lookupsOver(chain: readonly string[]): Lookups;
  /** Include walks that were made before. */
  readonly knownWalks: KnownWalks;
  /** What is remembered of the ways that lead to files. */
  readonly wayMemory: WayMemory;
  /** Stands for the moment of which all answers are; undefined where each is of its own. */
  readonly moment?: object;
  /** Was this stamp old enough at `now` for nothing to change under it unseen? */
  isSettled(stamp: Stamp): boolean;
}

/** What lies at a path; one object for as long as its stamp stays the same, where ways are remembered. */
export interface StampedKind {
  readonly kind: 'file' | 'directory' | 'other';
  readonly stamp: Stamp;
  /** What was read of a file, or in a directory, with this stamp; only what lasts as long as the stamp does. */
  content?: FileDigest;
  listing?: Listing;
}

export interface Listing {
  readonly names: ReadonlySet<string>;
  readonly stamp: Stamp;
  readonly settled: boolean;
}

interface Memory {
  readonly digests: Map<string, FileDigest>;
  readonly listings: Map<string, Listing>;
  readonly scans: Map<Digest, FileScan>;
  /** By the directories of a search list. */
  readonly lookups: Map<string, Lookups>;
  /** The file read last: its digest is asked for first and its directives right after. */
  latest: { readonly digest: Digest; readonly bytes: Buffer } | undefined;
}

/** Entries kept per kind before the memory starts anew: a few hundred MB at the very worst, and far beyond any project. */
const MEMORY_LIMIT = 200_000;
/** Search lists whose lookups are kept: a project has a few, for its libraries and their languages. */
const LISTS_LIMIT = 32;
/** Larger files are compilers and their libraries, which nobody scans. */
const LATEST_LIMIT = 16 << 20;

export function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.ino === b.ino && a.mtime === b.mtime && a.ctime === b.ctime && a.size === b.size && a.dev === b.dev;
}

export function toStamp(st: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): Stamp {
  return { dev: st.dev, ino: st.ino, size: st.size, mtime: st.mtimeNs, ctime: st.ctimeNs };
}

export function statKind(st: { isFile(): boolean; isDirectory(): boolean }): StampedKind['kind'] {
  return st.isFile() ? 'file' : st.isDirectory() ? 'directory' : 'other';
}

/** `nowNs` is the wall clock in nanoseconds; tests inject it together with nothing else. */
export function fileStates(nowNs: () => bigint): FileStates {
  const memory: Memory = {
    digests: new Map(),
    listings: new Map(),
    scans: new Map(),
    lookups: new Map(),
    latest: undefined,
  };
  const isSettled = (stamp: Stamp): boolean => {
    const limit = nowNs() - QUIET_NS;
    return stamp.mtime < limit && stamp.ctime < limit;
  };
  const stampOf = (path: string): StampedKind | undefined => {
    const st = statSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    return st === undefined ? undefined : { kind: statKind(st), stamp: toStamp(st) };
  };
  return {
    isSettled,
    stampOf: (path) => quietly(() => stampOf(path)),
    digestOf: (path, at) => quietly(() => digestOf(path, memory, isSettled, at ?? stampOf(path))),
    scanOf: (path, digest) =>
      quietly(() => scanByDigest(digest, memory) ?? scanOf(path, memory, isSettled, stampOf(path))),
    listingOf: (path) => quietly(() => listingOf(path, memory, isSettled, stampOf)),
    hasEntry: (path) => quietly(() => lstatSync(fsPath(path), { throwIfNoEntry: false })) !== undefined,
    lacks: (path, name) => quietly(() => listingOf(path, memory, isSettled, stampOf))?.names.has(name) === false,
    isLink: (path) => quietly(() => lstatSync(fsPath(path), { throwIfNoEntry: false }))?.isSymbolicLink() === true,
    lookupsOver: (chain) => lookupsOver(chain, memory.lookups),
    knownWalks: createKnownWalks(),
    wayMemory: new Map(),
    realPathOf: (path) => quietly(() => fromBytes(realpathSync.native(fsPath(path), { encoding: 'buffer' }))),
  };
}

/** An unreadable file is an answer (undefined), whatever the reason: the caller then does not cache. */
function quietly<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function lookupsOver(chain: readonly string[], kept: Map<string, Lookups>): Lookups {
  const key = chain.join('\0');
  const known = kept.get(key) ?? createLookups(chain);
  kept.delete(key);
  kept.set(key, known);
  for (const oldest of kept.keys()) {
    if (kept.size <= LISTS_LIMIT) break;
    kept.delete(oldest);
  }
  return known;
}

function remember<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (map.size >= MEMORY_LIMIT) map.clear();
  map.set(key, value);
}

interface StampedRead {
  readonly digest: Digest;
  /** Undefined for files that nobody scans. */
  readonly bytes: Buffer | undefined;
  readonly stamp: Stamp;
  readonly after: Stamp;
}

/** Reads a file whole, with a stamp that surely belongs to what was read. */
function readStamped(path: string): StampedRead | undefined {
  const fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile()) return undefined;
    const bytes = before.size < LATEST_LIMIT ? readFileSync(fd) : undefined;
    const digest = bytes === undefined ? digestInPieces(fd) : sha256(bytes);
    return { digest, bytes, stamp: toStamp(before), after: toStamp(fstatSync(fd, { bigint: true })) };
  } finally {
    closeSync(fd);
  }
}

const PIECE = 1 << 18;

/** Into memory that is used again: cc1 and cc1plus in fresh memory of their size take 50 ms more. */
function digestInPieces(fd: number): Digest {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE);
  for (let size = readSync(fd, piece); size > 0; size = readSync(fd, piece)) hash.update(piece.subarray(0, size));
  return hash.digest('hex') as Digest;
}

function digestOf(
  path: string,
  memory: Memory,
  isSettled: (s: Stamp) => boolean,
  at: StampedKind | undefined,
): FileDigest | undefined {
  // What is no regular file must not even be opened: reading a pipe would hang the agent.
  if (at?.kind !== 'file') return undefined;
  if (at.content !== undefined) return at.content;
  const known = memory.digests.get(path);
  const is = known !== undefined && sameStamp(known.stamp, at.stamp) ? known : readDigest(path, memory, isSettled);
  if (is?.settled === true && sameStamp(is.stamp, at.stamp)) at.content = is;
  return is;
}

function readDigest(path: string, memory: Memory, isSettled: (s: Stamp) => boolean) {
  const read = readStamped(path);
  if (read === undefined) return undefined;
  const settled = isSettled(read.stamp) && sameStamp(read.stamp, read.after);
  const { digest, bytes } = read;
  const state: FileDigest = { digest, stamp: read.stamp, settled };
  if (settled) remember(memory.digests, path, state);
  else memory.digests.delete(path);
  if (bytes !== undefined) memory.latest = { digest, bytes };
  return state;
}

/** By content alone: no file needs to be looked at. */
function scanByDigest(digest: Digest | undefined, memory: Memory): FileScan | undefined {
  if (digest === undefined) return undefined;
  const known = memory.scans.get(digest);
  if (known !== undefined || memory.latest?.digest !== digest) return known;
  const fresh = scanDirectives(fromBytes(memory.latest.bytes));
  remember(memory.scans, digest, fresh);
  return fresh;
}

function scanOf(
  path: string,
  memory: Memory,
  isSettled: (s: Stamp) => boolean,
  at: StampedKind | undefined,
): FileScan | undefined {
  if (at?.kind !== 'file') return undefined;
  const known = digestOf(path, memory, isSettled, at);
  if (known === undefined) return undefined;
  return scanByDigest(known.digest, memory) ?? scanByDigest(readDigest(path, memory, isSettled)?.digest, memory);
}

function listingOf(
  path: string,
  memory: Memory,
  isSettled: (s: Stamp) => boolean,
  stampOf: (path: string) => StampedKind | undefined,
): Listing | undefined {
  const now = stampOf(path);
  if (now?.kind !== 'directory') return undefined;
  const known = memory.listings.get(path);
  if (known !== undefined && sameStamp(known.stamp, now.stamp)) return known;
  const names = new Set(readdirSync(fsPath(path), { encoding: 'buffer' }).map((name) => fromBytes(name)));
  const after = stampOf(path);
  if (after === undefined) return undefined;
  const settled = isSettled(after.stamp) && sameStamp(now.stamp, after.stamp);
  const listing: Listing = { names, stamp: after.stamp, settled };
  if (settled) remember(memory.listings, path, listing);
  else memory.listings.delete(path);
  return listing;
}
