import { closeSync, lstatSync, openSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { type CacheLayout, makeDirectory, parentOf, tmpPath } from './layout.ts';
import { asUnwritable, errnoOf, type Unwritable } from './unwritable.ts';

/**
 * Writes a file so that every reader sees all of it or nothing: tmp, then rename. No fsync, which would cost
 * milliseconds per object; what a power cut may tear is found by the checksum every reader verifies.
 */
export function writeAtomically(layout: CacheLayout, target: string, data: Uint8Array): Unwritable | undefined {
  const tmp = writeTmp(layout, data);
  return typeof tmp === 'string' ? moveIntoPlace(layout, tmp, target) : tmp;
}

/** Writes a new tmp file and gives its path. Leaves nothing behind when it fails. */
export function writeTmp(layout: CacheLayout, data: Uint8Array): string | Unwritable {
  const path = tmpPath(layout, 'new');
  const opened = openNew(layout, path);
  if (typeof opened !== 'number') return opened;
  try {
    try {
      writeFileSync(opened, data);
    } finally {
      closeSync(opened); // NFS and quotas may report the full disk only here.
    }
    return path;
  } catch (error) {
    removeQuietly(path);
    return asUnwritable(error);
  }
}

/** Opens a new file that only the user may read, making its directory only when it turns out to be missing. */
function openNew(layout: CacheLayout, path: string): number | Unwritable {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return openSync(fsPath(path), 'wx', 0o600);
    } catch (error) {
      const problem = asUnwritable(error);
      if (problem.code !== 'ENOENT' || attempt > 0) return problem;
      const failed = makeDirectory(layout, parentOf(path));
      if (failed) return failed;
    }
  }
}

/**
 * Renames a finished tmp file to its place. A directory in the way is damage, for only files are ever put here: it is
 * removed. On failure the tmp file is removed.
 */
export function moveIntoPlace(layout: CacheLayout, tmp: string, target: string): Unwritable | undefined {
  for (let attempt = 0; ; attempt += 1) {
    try {
      renameSync(fsPath(tmp), fsPath(target));
      return undefined;
    } catch (error) {
      const problem = asUnwritable(error);
      if (attempt > 0 || !clearTheWay(layout, target, problem.code)) {
        removeQuietly(tmp);
        return problem;
      }
    }
  }
}

/** Repairs what made a rename fail; false when there is nothing to repair. */
function clearTheWay(layout: CacheLayout, target: string, code: string): boolean {
  if (code === 'ENOENT') return makeDirectory(layout, parentOf(target)) === undefined;
  if (code === 'EISDIR' || code === 'ENOTEMPTY' || code === 'EEXIST') return removeQuietly(target);
  return false;
}

/** Removes a file, or the directory that stands in its place. True when nothing is left there. */
export function removeQuietly(path: string): boolean {
  try {
    unlinkSync(fsPath(path));
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return true;
    return (code === 'EISDIR' || code === 'EPERM') && removeTree(path);
  }
}

function removeTree(path: string): boolean {
  try {
    if (lstatSync(fsPath(path), { throwIfNoEntry: false })?.isDirectory() !== true) return false;
    rmSync(fsPath(path), { recursive: true, force: true });
    return true;
  } catch (error) {
    errnoOf(error);
    return false;
  }
}
