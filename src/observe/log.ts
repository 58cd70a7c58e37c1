import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import { fsPath } from '../base/byte-string.ts';

export type { Logger };

/** A log that ends up in one file, rotated to `<path>.1` when it has grown beyond `maxBytes`. */
export interface RotatingLog {
  readonly logger: Logger;
  /** Called now and then: rotates if needed. */
  rotate(): void;
}

/**
 * Lines are written at once and whole; what cannot be written is lost. Not pino's own destination: on a full disk it
 * waits and tries again on the main thread, and an agent that waits for its log answers nobody.
 * Without a writable file the log goes nowhere: the agent serves on.
 * @param path a byte string
 */
export function openLog(path: string, level: string, maxBytes: number): RotatingLog {
  let fd = tryOpen(path);
  const sink = {
    write(line: string): void {
      try {
        if (fd !== undefined) writeSync(fd, line);
      } catch {
        // A full disk: a log is never worth a failure.
      }
    },
  };
  return {
    logger: pino({ level, base: null }, sink),
    rotate() {
      try {
        if (fd !== undefined && statSync(fsPath(path)).size < maxBytes) return;
        if (fd !== undefined) {
          renameSync(fsPath(path), fsPath(`${path}.1`));
          closeSync(fd);
        }
        fd = tryOpen(path);
      } catch {
        // The next round tries again.
      }
    },
  };
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(fsPath(path), 'a', 0o600);
  } catch {
    return undefined;
  }
}
