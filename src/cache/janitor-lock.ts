import { randomBytes } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fsPath } from '../base/byte-string.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import { type CacheLayout, makeDirectory, parentOf } from '../cas/layout.ts';
import { asUnwritable, errnoOf } from '../cas/unwritable.ts';

/** A lock nobody refreshed for this long belongs to somebody who died. */
const STALE_AFTER_MS = 600_000;

export interface JanitorLock {
  /** Says that the holder is alive. */
  refresh(): void;
  release(): void;
}

/**
 * Keeps janitors of several agents from doing the same work. It saves work and guards nothing: two at once, after a
 * lock was taken for stale, are harmless. `undefined`: somebody else is at it, or the directory cannot be written.
 */
export function takeJanitorLock(layout: CacheLayout, now: () => number): JanitorLock | undefined {
  const path = layout.janitorLock;
  const text = `${JSON.stringify({ pid: process.pid, host: hostname(), token: randomBytes(8).toString('hex') })}\n`;
  if (makeDirectory(layout, parentOf(path))) return undefined;
  if (!create(path, text)) {
    if (!isStale(path, now())) return undefined;
    removeQuietly(path);
    if (!create(path, text)) return undefined;
  }
  return {
    refresh: () => ignoringTheDisk(() => utimesSync(fsPath(path), now() / 1000, now() / 1000)),
    release: () => {
      if (content(path) === text) removeQuietly(path);
    },
  };
}

function create(path: string, text: string): boolean {
  try {
    const file = openSync(fsPath(path), 'wx', 0o600);
    try {
      writeFileSync(file, text);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    // A full disk: the janitor must work all the same, to make room.
    return asUnwritable(error).code === 'ENOSPC';
  }
}

function isStale(path: string, now: number): boolean {
  try {
    const { mtimeMs } = lstatSync(fsPath(path));
    if (Math.abs(now - mtimeMs) > STALE_AFTER_MS) return true;
    const { pid, host } = JSON.parse(content(path)) as { pid?: unknown; host?: unknown };
    return host === hostname() && typeof pid === 'number' && pid !== process.pid && !isAlive(pid);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return false; // Being written, or stale by time later.
    return errnoOf(error) === 'ENOENT';
  }
}

/** Whether a process of this machine lives. Signal 0 only asks; EPERM means that there is one, of another user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

function content(path: string): string {
  try {
    return readFileSync(fsPath(path), 'latin1');
  } catch (error) {
    errnoOf(error);
    return '';
  }
}

function ignoringTheDisk(action: () => void): void {
  try {
    action();
  } catch (error) {
    errnoOf(error);
  }
}
