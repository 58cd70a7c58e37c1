import { randomBytes } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { makeDirectories } from './make-directories.ts';
import { asUnwritable, errnoOf, type Unwritable } from './unwritable.ts';

/**
 * Where things lie in a cache directory. Plain files and rename only, no database: the directory may be on NFS and
 * several agents may share it. The format only grows; what needs another meaning goes into another `vN`, and a file
 * this version does not understand is a miss, never an error.
 *
 * ```
 * CACHEDIR.TAG                 so that backups leave the directory out
 * v1/blobs/a/<sha256>          outputs as they are; `.zst` beside it once cold
 * v1/manifests/a/<sha256>.json
 * v1/sources/a/<sha256>.json   the last command per source file
 * v1/stats/<agent>.json        counters, total.json, zero.json
 * v1/tmp/                      files being written; older than an hour = left behind
 * v1/quarantine/               results that the plain compiler did not make, for inspection; never answered
 * v1/size.json, v1/janitor.lock
 * ```
 */
export interface CacheLayout {
  /** The cache directory, an absolute byte string. */
  readonly root: string;
  readonly blobs: string;
  readonly manifests: string;
  readonly sources: string;
  readonly stats: string;
  readonly tmp: string;
  readonly quarantine: string;
  readonly sizeHint: string;
  readonly janitorLock: string;
}

/** The directory belongs to one user alone: objects may be secret, and who can write here decides what is linked. */
const DIRECTORY_MODE = 0o700;

/** The first 43 bytes are fixed by https://bford.info/cachedir/. */
const CACHEDIR_TAG = `Signature: 8a477f597d28d172789f06886806bc55
# This directory holds the compiler cache of hgbuild. It can be deleted at any time.
`;

export function cacheLayout(root: string): CacheLayout {
  const v1 = `${root}/v1`;
  return {
    root,
    blobs: `${v1}/blobs`,
    manifests: `${v1}/manifests`,
    sources: `${v1}/sources`,
    stats: `${v1}/stats`,
    tmp: `${v1}/tmp`,
    quarantine: `${v1}/quarantine`,
    sizeHint: `${v1}/size.json`,
    janitorLock: `${v1}/janitor.lock`,
  };
}

/**
 * `<room>/a/abcd...<suffix>`: 16 sub-directories, some 10,000 files each in a full cache, which any file system with
 * hashed directories finds at once. With 256 nearly every file of a new cache needs a directory made: 3.4 per miss in a
 * build of 180 files.
 */
export function shardedPath(room: string, digest: string, suffix = ''): string {
  return `${room}/${digest.slice(0, 1)}/${digest}${suffix}`;
}

/** The directory part of a path. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** Makes a directory below the cache root with all its parents, and the cache tag with the root. */
export function makeDirectory(layout: CacheLayout, directory: string): Unwritable | undefined {
  try {
    makeDirectories(directory, DIRECTORY_MODE);
    tagCacheDirectory(layout.root);
    return undefined;
  } catch (error) {
    return asUnwritable(error);
  }
}

function tagCacheDirectory(root: string): void {
  const tag = fsPath(`${root}/CACHEDIR.TAG`);
  if (statSync(tag, { throwIfNoEntry: false }) !== undefined) return;
  try {
    writeFileSync(tag, CACHEDIR_TAG, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    errnoOf(error); // Only a courtesy to backup programs: the cache works without it.
  }
}

let made = 0;
const PROCESS_NAME = `${process.pid}-${randomBytes(6).toString('hex')}`;

/** A name in `v1/tmp` that nobody else uses: random per process, because agents of several hosts may share the directory. */
export function tmpPath(layout: CacheLayout, suffix: string): string {
  made += 1;
  return `${layout.tmp}/${PROCESS_NAME}-${made}.${suffix}`;
}
