import { readFileSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { removeQuietly, writeTmp } from '../cas/atomic-write.ts';
import { type CacheLayout, makeDirectory, tmpPath } from '../cas/layout.ts';
import { asUnwritable, errnoOf, type Unwritable } from '../cas/unwritable.ts';
import { DamagedBlob, provedPieces, writeAll } from './blob-streams.ts';
import { type DiskRoom, openDiskRoom, type RoomFile } from './disk-room.ts';
import { type FreshBlobs, type FreshBlobsOptions, freshBlobs } from './fresh-blobs.ts';

/** How storing a blob ended. */
export type BlobPut =
  | { readonly kind: 'stored'; readonly isNew: boolean }
  /** The bytes have another digest. */
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'too-large' }
  /** The disk is full, or what is in use leaves no room. */
  | { readonly kind: 'no-room'; readonly code: string };

/** Blobs that stay while somebody counts on them. */
export interface BlobClaim {
  /** Those that are not there. */
  readonly missing: readonly Digest[];
  /** Ends the claim; once. */
  release(): void;
}

/** A blob about to be read. */
export interface BlobReading {
  /** In bytes. */
  readonly size: number;
  /**
   * The bytes, proved: the last piece is held back until all are known to be right, so that a damaged blob is never
   * whole at its reader. Throws {@link DamagedBlob} instead; the blob is dropped. Must be read or closed.
   */
  pieces(): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

/** The grid's blobs: bytes by SHA-256 on the coordinator's disk, least recently used first out. */
export interface BlobService {
  has(digest: Digest): boolean;
  /** In bytes; undefined where it is not there. */
  sizeOf(digest: Digest): number | undefined;
  /** A blob of another size than the one named counts as missing, and is proved meanwhile. */
  claim(wanted: Iterable<readonly [digest: Digest, size: number]>): BlobClaim;
  /** Reads a blob to its end; false where it is absent, or damaged and so dropped. */
  prove(digest: Digest): Promise<boolean>;
  putBytes(digest: Digest, bytes: Uint8Array): Promise<BlobPut>;
  /** The same for what is small and needed soon: it is there at once, and in a file once {@link writeOldest} wrote it. */
  putLate(digest: Digest, bytes: Uint8Array): Promise<BlobPut>;
  /** Writes the blob that has waited longest for its file; false where none waits. */
  writeOldest(): boolean;
  /** Of a source that fails nothing stays; its error is thrown on. */
  putStream(digest: Digest, source: AsyncIterable<Uint8Array>): Promise<BlobPut>;
  /** The bytes of a blob up to {@link WHOLE_LIMIT}, proved; undefined where it is absent, damaged or larger. */
  read(digest: Digest): Promise<Buffer | undefined>;
  open(digest: Digest): Promise<BlobReading | undefined>;
  /** No blob is larger; in bytes. */
  readonly blobLimitBytes: number;
  readonly usage: { readonly blobs: number; readonly bytes: number; readonly limitBytes: number };
  /** Writes all that waits. */
  flush(): Promise<void>;
}

/** Larger blobs are never whole in memory. */
export const WHOLE_LIMIT = 1 << 20;
/** Up to this size a blob is read at once: a tenth of the time a turn through the thread pool takes. */
const SYNC_LIMIT = 64 << 10;

export interface BlobServiceOptions {
  readonly layout: CacheLayout;
  readonly limitBytes: number;
  /** No blob is larger. */
  readonly blobLimitBytes: number;
  readonly now: () => number;
  readonly warn: (message: string, details: object) => void;
  /** Of blobs without a file. */
  readonly freshLimits?: FreshBlobsOptions['limits'];
}

/** Opens the store, reading which blobs there are. */
export async function openBlobService(options: BlobServiceOptions): Promise<BlobService> {
  const { layout, blobLimitBytes } = options;
  const room = await openDiskRoom({ ...options, directory: layout.blobs });
  const failed = ({ code }: Unwritable): void => options.warn('a blob could not be stored', { code });
  const fresh = freshBlobs({ layout, room, limits: options.freshLimits, failed });
  const disk: Disk = { layout, room, fresh, blobLimitBytes, warn: options.warn };
  return {
    has: (digest) => room.find(digest) !== undefined,
    sizeOf: (digest) => room.find(digest)?.size,
    claim: (wanted) => claim(disk, wanted),
    prove: (digest) => prove(disk, digest),
    putBytes: (digest, bytes) => putBytes(disk, digest, bytes),
    putLate: (digest, bytes) => putLate(disk, digest, bytes),
    writeOldest: () => fresh.writeOldest(),
    putStream: (digest, source) => putStream(disk, digest, source),
    read: (digest) => read(disk, digest),
    open: (digest) => openReading(disk, digest),
    blobLimitBytes,
    get usage() {
      return { blobs: room.files, bytes: room.bytes, limitBytes: room.limitBytes };
    },
    async flush() {
      while (fresh.writeOldest());
      await room.flush();
    },
  };
}

interface Disk {
  readonly layout: CacheLayout;
  readonly room: DiskRoom;
  readonly fresh: FreshBlobs;
  readonly blobLimitBytes: number;
  readonly warn: (message: string, details: object) => void;
}

function claim(disk: Disk, wanted: Iterable<readonly [Digest, number]>): BlobClaim {
  const missing = new Set<Digest>();
  const held: RoomFile[] = [];
  for (const [digest, size] of wanted) {
    const file = disk.room.find(digest);
    if (file?.size === size) {
      file.pins += 1;
      disk.room.use(file);
      held.push(file);
    } else {
      missing.add(digest);
      // A power cut leaves files short of their end; or whoever asks is wrong. The bytes know.
      if (file !== undefined) void prove(disk, digest);
    }
  }
  return {
    missing: [...missing],
    release() {
      for (const file of held.splice(0)) file.pins -= 1;
    },
  };
}

// Storing

function known(disk: Disk, digest: Digest): BlobPut | undefined {
  const file = disk.room.find(digest);
  if (file === undefined) return undefined;
  disk.room.use(file);
  return { kind: 'stored', isNew: false };
}

async function putBytes(disk: Disk, digest: Digest, bytes: Uint8Array): Promise<BlobPut> {
  return (await refused(disk, digest, bytes)) ?? settle(disk, writeTmp(disk.layout, bytes), digest, bytes.length);
}

async function putLate(disk: Disk, digest: Digest, bytes: Uint8Array): Promise<BlobPut> {
  const ended = await refused(disk, digest, bytes);
  if (ended !== undefined) return ended;
  if (!(await disk.room.makeRoom(bytes.length))) return noRoom(disk, { kind: 'unwritable', code: 'EDQUOT' });
  disk.room.admit(digest, bytes.length);
  disk.fresh.add(digest, bytes);
  return disk.room.find(digest) === undefined ? { kind: 'no-room', code: 'ENOSPC' } : { kind: 'stored', isNew: true };
}

/** How storing ends before anything is written: bytes that cannot be taken, or are there. */
async function refused(disk: Disk, digest: Digest, bytes: Uint8Array): Promise<BlobPut | undefined> {
  if (bytes.length > disk.blobLimitBytes) return { kind: 'too-large' };
  if (sha256(bytes) !== digest) return { kind: 'mismatch' };
  // To read what is small is cheaper than to find out later that it rotted.
  if (bytes.length <= SYNC_LIMIT && disk.room.find(digest) !== undefined) await read(disk, digest);
  return known(disk, digest);
}

async function settle(disk: Disk, tmp: string | Unwritable, digest: Digest, size: number): Promise<BlobPut> {
  if (typeof tmp !== 'string') return noRoom(disk, tmp);
  if (!(await disk.room.makeRoom(size))) {
    removeQuietly(tmp);
    return noRoom(disk, { kind: 'unwritable', code: 'EDQUOT' });
  }
  const failed = disk.room.adopt(tmp, digest, size);
  return failed === undefined ? { kind: 'stored', isNew: true } : noRoom(disk, failed);
}

function noRoom(disk: Disk, { code }: Unwritable): BlobPut {
  disk.warn('a blob could not be stored', { code });
  return { kind: 'no-room', code };
}

async function putStream(disk: Disk, digest: Digest, source: AsyncIterable<Uint8Array>): Promise<BlobPut> {
  const tmp = tmpPath(disk.layout, 'put');
  let file: FileHandle;
  try {
    file = await open(fsPath(tmp), 'wx', 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') return noRoom(disk, asUnwritable(error));
    const failed = makeDirectory(disk.layout, disk.layout.tmp);
    return failed === undefined ? putStream(disk, digest, source) : noRoom(disk, failed);
  }
  const written = await writeAll(file, source, disk.blobLimitBytes).catch(async (error: unknown) => {
    removeQuietly(tmp);
    throw error;
  });
  if ('digest' in written && written.digest === digest) {
    return settle(disk, tmp, digest, written.size);
  }
  removeQuietly(tmp);
  if ('digest' in written) return { kind: 'mismatch' };
  return written.kind === 'too-large' ? written : noRoom(disk, written);
}

// Reading

async function read(disk: Disk, digest: Digest): Promise<Buffer | undefined> {
  const file = disk.room.find(digest);
  if (file === undefined || file.size > WHOLE_LIMIT) return undefined;
  const fresh = disk.fresh.get(digest);
  if (fresh !== undefined) {
    disk.room.use(file);
    return fresh;
  }
  const path = fsPath(disk.room.pathOf(digest));
  try {
    const bytes = file.size <= SYNC_LIMIT ? readFileSync(path) : await readFile(path);
    if (sha256(bytes) !== digest) return drop(disk, digest, 'damaged');
    disk.room.use(file);
    return bytes;
  } catch (error) {
    return unreadable(disk, digest, errnoOf(error));
  }
}

/** What is gone is forgotten; what cannot be read just now may be read later. */
function unreadable(disk: Disk, digest: Digest, code: string): undefined {
  if (code === 'ENOENT') return drop(disk, digest, 'gone');
  disk.warn('a blob cannot be read', { digest, code });
}

function drop(disk: Disk, digest: Digest, why: string): undefined {
  disk.warn('a blob was dropped', { digest, why });
  disk.fresh.drop(digest);
  disk.room.forget(digest);
}

async function openReading(disk: Disk, digest: Digest): Promise<BlobReading | undefined> {
  const file = disk.room.find(digest);
  if (file === undefined) return undefined;
  const fresh = disk.fresh.get(digest);
  if (fresh !== undefined) return readingOf(fresh);
  try {
    const handle = await open(fsPath(disk.room.pathOf(digest)), 'r');
    disk.room.use(file);
    return {
      size: file.size,
      pieces: () => provedPieces(handle, file, () => drop(disk, digest, 'damaged')),
      close: () => handle.close(),
    };
  } catch (error) {
    return unreadable(disk, digest, errnoOf(error));
  }
}

function readingOf(bytes: Buffer): BlobReading {
  return {
    size: bytes.length,
    async *pieces() {
      yield bytes;
    },
    close: async () => {},
  };
}

async function prove(disk: Disk, digest: Digest): Promise<boolean> {
  const reading = await openReading(disk, digest);
  if (reading === undefined) return false;
  try {
    for await (const _piece of reading.pieces());
    return true;
  } catch (error) {
    if (error instanceof DamagedBlob) return false;
    errnoOf(error);
    return false;
  }
}
