import { renameSync, statSync } from 'node:fs';
import { destination, type Logger, pino } from 'pino';

export type { Logger };

/** A log that ends up in one file, rotated to `<path>.1` when it has grown beyond `maxBytes`. */
export interface RotatingLog {
  readonly logger: Logger;
  /** Called now and then: rotates if needed. */
  rotate(): void;
  flush(): void;
}

/** Without a writable file the log goes nowhere: the agent serves on. */
export function openLog(path: string, level: string, maxBytes: number): RotatingLog {
  const file = tryOpen(path);
  const logger = pino({ level: file === undefined ? 'silent' : level, base: null }, file ?? destination('/dev/null'));
  return {
    logger,
    rotate() {
      if (file === undefined) return;
      try {
        if (statSync(path).size < maxBytes) return;
        renameSync(path, `${path}.1`);
        file.reopen();
      } catch {
        // The next round tries again; a log is never worth a failure.
      }
    },
    flush() {
      try {
        file?.flushSync();
      } catch {
        // A full disk: nothing to be done for a log.
      }
    },
  };
}

function tryOpen(path: string): ReturnType<typeof destination> | undefined {
  try {
    const file = destination({ dest: path, sync: true, mode: 0o600 });
    // A disk that fills up later must not take the agent down.
    file.on('error', () => undefined);
    return file;
  } catch {
    return undefined;
  }
}
