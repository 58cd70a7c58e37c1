import { accessSync, constants } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { walkTmp } from '../cache/cache-walk.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { makeDirectories } from '../cas/make-directories.ts';
import { errnoOf } from '../cas/unwritable.ts';

const LEFT_BEHIND_MS = 3_600_000;

/** Removes what an earlier run left half-written. Not what is young: another process may be writing it. */
export function removeLeftovers(layout: CacheLayout, nowMs: number): void {
  for (const { path, usedMs } of walkTmp(layout)) if (nowMs - usedMs > LEFT_BEHIND_MS) removeQuietly(path);
}

/** Makes the directory where it is missing; the errno name where it cannot be used. */
export function prepareDirectory(path: string): string | undefined {
  try {
    makeDirectories(path, 0o700);
    accessSync(fsPath(path), constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return errnoOf(error);
  }
}
