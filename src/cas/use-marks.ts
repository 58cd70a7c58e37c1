import { utimes } from 'node:fs/promises';
import { fsPath } from '../base/byte-string.ts';
import { errnoOf } from './unwritable.ts';

/** A use is written at most this often per file: eviction does not care for less, and NFS does care for each write. */
const MARK_AGAIN_AFTER_MS = 3_600_000;
/** Marks wait this long for company. */
const DELAY_MS = 2_000;
/** Bounds the memory of an agent that never ends; forgetting a mark only costs one more utimes. */
const REMEMBERED = 100_000;
const AT_ONCE = 16;

/** The modification time is the time of last use: it survives copies, and unlike atime no mount option stops it. */
export interface UseMarks {
  /** Notes that a file was used now. */
  mark(path: string): void;
  /** Writes all pending marks. */
  flush(): Promise<void>;
}

export function useMarks(now: () => number): UseMarks {
  const marked = new Map<string, number>();
  const pending = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const paths = [...pending];
    pending.clear();
    for (let at = 0; at < paths.length; at += AT_ONCE) {
      await Promise.all(paths.slice(at, at + AT_ONCE).map((path) => setUse(path, marked.get(path) ?? now())));
    }
  }

  return {
    mark(path) {
      const time = now();
      const before = marked.get(path);
      if (before !== undefined && time - before < MARK_AGAIN_AFTER_MS) return;
      if (marked.size >= REMEMBERED) marked.clear();
      marked.set(path, time);
      pending.add(path);
      if (timer === undefined) {
        timer = setTimeout(() => void flush(), DELAY_MS);
        timer.unref();
      }
    },
    flush,
  };
}

async function setUse(path: string, timeMs: number): Promise<void> {
  try {
    await utimes(fsPath(path), timeMs / 1000, timeMs / 1000);
  } catch (error) {
    errnoOf(error); // Evicted meanwhile, or a read-only cache: nothing depends on the mark.
  }
}
