import { closeSync, constants, copyFileSync, fchmodSync, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { moveIntoPlace, removeQuietly, writeAtomically } from './atomic-write.ts';
import { describeBytes, describeFile, describeManyBytes } from './blob-hashing.ts';
import { type BlobRef, type LocalBlobStore, type Soon, type Stored, SYNC_LIMIT } from './blob-store.ts';
import { type Checksums, loadChecksums } from './checksum.ts';
import { COLD_SUFFIX, type ColdRead, isShort, readCold, readColdSlowly } from './cold-blob.ts';
import { type DescribedFiles, describedFiles } from './described-files.ts';
import { type CacheLayout, makeDirectory, shardedPath, tmpPath } from './layout.ts';
import { asUnwritable, errnoOf, type Unwritable } from './unwritable.ts';
import { type UseMarks, useMarks } from './use-marks.ts';

/**
 * Blobs as plain files. Nothing is written before it is needed, nothing is created but by rename, and a blob is never
 * hard-linked to anything: a build that edits its own object in place must not be able to edit the cache.
 */
export async function openDiskBlobStore(layout: CacheLayout, now: () => number = Date.now): Promise<LocalBlobStore> {
  const disk: Disk = { layout, checksums: await loadChecksums(), marks: useMarks(now), filled: describedFiles() };
  return {
    put: (bytes) => (bytes.length <= SYNC_LIMIT ? put(disk, bytes) : putSlowly(disk, bytes)),
    fill: (path, bytes, digest) => fill(disk, path, bytes, digest),
    adopt: (path) => adopt(disk, path),
    newTmpPath: (suffix) => newTmpPath(disk, suffix),
    locate: (ref) => locate(disk, ref),
    read: (ref) => (isShort(ref) ? read(disk, ref) : readSlowly(disk, ref)),
    drop: (digest) => drop(disk, digest),
    touch: (digest) => disk.marks.mark(rawPath(disk, digest)),
    flush: () => disk.marks.flush(),
  };
}

interface Disk {
  readonly layout: CacheLayout;
  readonly checksums: Checksums;
  readonly marks: UseMarks;
  readonly filled: DescribedFiles;
}

function rawPath(disk: Disk, digest: Digest): string {
  return shardedPath(disk.layout.blobs, digest);
}

function coldPath(disk: Disk, digest: Digest): string {
  return shardedPath(disk.layout.blobs, digest, COLD_SUFFIX);
}

function drop(disk: Disk, digest: Digest): void {
  removeQuietly(rawPath(disk, digest));
  removeQuietly(coldPath(disk, digest));
}

function newTmpPath(disk: Disk, suffix: string): string | Unwritable {
  const path = tmpPath(disk.layout, suffix);
  if (exists(disk.layout.tmp)) return path;
  return makeDirectory(disk.layout, disk.layout.tmp) ?? path;
}

function exists(path: string): boolean {
  try {
    return lstatSync(fsPath(path), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    errnoOf(error);
    return false;
  }
}

// Storing

function put(disk: Disk, bytes: Uint8Array): Stored {
  return write(disk, describeBytes(bytes, disk.checksums), bytes);
}

async function putSlowly(disk: Disk, bytes: Uint8Array): Promise<Stored> {
  return write(disk, await describeManyBytes(bytes, disk.checksums), bytes);
}

function write(disk: Disk, ref: BlobRef, bytes: Uint8Array): Stored {
  if (isKept(disk, ref)) return { kind: 'stored', ref };
  return writeAtomically(disk.layout, rawPath(disk, ref.digest), bytes) ?? { kind: 'stored', ref };
}

function fill(disk: Disk, path: string, bytes: Uint8Array, digest: Digest): Unwritable | undefined {
  const size = bytes.length;
  // To sum more than this at once would hold up other clients.
  const ref = size <= SYNC_LIMIT ? { digest, size, checksum: disk.checksums.of(bytes) } : undefined;
  return disk.filled.write(path, bytes, ref);
}

function adopt(disk: Disk, given: string): Soon<Stored> {
  const own = makeOwn(disk, given);
  if ('kind' in own) return own;
  const { tmp } = own;
  if (own.ref !== undefined) return settle(disk, tmp, own.ref);
  try {
    const bytes = readShort(tmp);
    if (bytes !== undefined) return settle(disk, tmp, describeBytes(bytes, disk.checksums));
  } catch (error) {
    removeQuietly(tmp);
    return asUnwritable(error);
  }
  return adoptSlowly(disk, tmp);
}

async function adoptSlowly(disk: Disk, tmp: string): Promise<Stored> {
  try {
    return settle(disk, tmp, await describeFile(tmp, disk.checksums));
  } catch (error) {
    removeQuietly(tmp);
    return asUnwritable(error);
  }
}

/** A file to be put in its place, and its description where it has one already. */
interface OwnFile {
  readonly tmp: string;
  readonly ref: BlobRef | undefined;
}

/** A file with a second name could be changed through it after it was hashed: then its bytes are copied. */
function makeOwn(disk: Disk, tmp: string): OwnFile | Unwritable {
  try {
    const found = lstatSync(fsPath(tmp), { bigint: true });
    if (!found.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EINVAL', syscall: 'adopt' });
    if (found.nlink === 1n) return { tmp, ref: disk.filled.take(tmp, found) };
    const copy = tmpPath(disk.layout, 'copy');
    copyFileSync(fsPath(tmp), fsPath(copy), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    removeQuietly(tmp);
    return { tmp: copy, ref: undefined };
  } catch (error) {
    removeQuietly(tmp);
    return asUnwritable(error);
  }
}

/** The bytes of a file up to {@link SYNC_LIMIT}, else undefined; makes it private to the user on the way. */
function readShort(path: string): Buffer | undefined {
  const file = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if ((found.mode & 0o777) !== 0o600) fchmodSync(file, 0o600);
    return found.size <= SYNC_LIMIT ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}

function settle(disk: Disk, tmp: string, ref: BlobRef): Stored {
  if (isKept(disk, ref)) {
    removeQuietly(tmp);
    return { kind: 'stored', ref };
  }
  return moveIntoPlace(disk.layout, tmp, rawPath(disk, ref.digest)) ?? { kind: 'stored', ref };
}

/** True if the blob lies there already in its right size; that is a use of it, too. */
function isKept(disk: Disk, ref: BlobRef): boolean {
  const path = rawPath(disk, ref.digest);
  if (lookAt(path, ref) !== 'right') return false;
  disk.marks.mark(path);
  return true;
}

// Finding

function lookAt(path: string, ref: BlobRef): 'right' | 'absent' | 'damaged' {
  try {
    const found = lstatSync(fsPath(path), { throwIfNoEntry: false });
    if (found === undefined) return 'absent';
    return found.isFile() && found.size === ref.size ? 'right' : 'damaged';
  } catch (error) {
    errnoOf(error);
    return 'absent';
  }
}

function locate(disk: Disk, ref: BlobRef): Soon<string | undefined> {
  const path = rawPath(disk, ref.digest);
  const found = lookAt(path, ref);
  if (found === 'right') return path;
  if (found === 'damaged') removeQuietly(path);
  const cold = coldPath(disk, ref.digest);
  if (!exists(cold)) return undefined;
  if (isShort(ref)) return promote(disk, ref, readCold(cold, ref));
  return readColdSlowly(cold, ref).then((bytes) => promote(disk, ref, bytes));
}

/** Puts verified bytes back as a raw blob; where the disk refuses, the cold form stays and the answer is a miss. */
function promote(disk: Disk, ref: BlobRef, bytes: ColdRead): string | undefined {
  const cold = coldPath(disk, ref.digest);
  if (!Buffer.isBuffer(bytes)) {
    if (bytes === 'damaged') removeQuietly(cold);
    return undefined;
  }
  const path = rawPath(disk, ref.digest);
  if (writeAtomically(disk.layout, path, bytes)) return undefined;
  removeQuietly(cold);
  return path;
}

function read(disk: Disk, ref: BlobRef): Buffer | undefined {
  const path = rawPath(disk, ref.digest);
  const found = lookAt(path, ref);
  if (found === 'right') {
    const bytes = readNow(path);
    if (bytes === undefined || isProved(bytes, ref)) return bytes;
  }
  if (found !== 'absent') removeQuietly(path);
  return orDropped(disk, ref, readCold(coldPath(disk, ref.digest), ref));
}

async function readSlowly(disk: Disk, ref: BlobRef): Promise<Buffer | undefined> {
  const path = rawPath(disk, ref.digest);
  const found = lookAt(path, ref);
  if (found === 'right') {
    const bytes = await readFile(fsPath(path)).catch(unreadable);
    if (!bytes || (await describeManyBytes(bytes, disk.checksums)).digest === ref.digest) return bytes;
  }
  if (found !== 'absent') removeQuietly(path);
  return orDropped(disk, ref, await readColdSlowly(coldPath(disk, ref.digest), ref));
}

function orDropped(disk: Disk, ref: BlobRef, bytes: ColdRead): Buffer | undefined {
  if (bytes === 'damaged') removeQuietly(coldPath(disk, ref.digest));
  return Buffer.isBuffer(bytes) ? bytes : undefined;
}

function readNow(path: string): Buffer | undefined {
  try {
    return readFileSync(fsPath(path));
  } catch (error) {
    return unreadable(error);
  }
}

/** A file that cannot be read just now is not damaged: it is not dropped. */
function unreadable(error: unknown): undefined {
  errnoOf(error);
}

function isProved(bytes: Buffer, ref: BlobRef): boolean {
  return bytes.length === ref.size && sha256(bytes) === ref.digest;
}
