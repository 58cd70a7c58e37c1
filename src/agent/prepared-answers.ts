import type { Digest } from '../base/digest.ts';
import type { GridMaker } from '../cache/manifest.ts';
import type { OpenCache } from './caches.ts';
import type { Delivered } from './verify-compare.ts';

/**
 * Answers ready to be sent again: the same request gets the same frame, because the frame carries every check that
 * makes it true and the launcher does the checking. This is what keeps a hit at about 0.1 ms of agent time.
 */
export interface PreparedAnswer {
  readonly frame: Buffer;
  /** Directories the frame checks by one stamp, by check index: what to distrust when such a check fails. */
  readonly directoryChecks: ReadonlyMap<number, string>;
  readonly cache: OpenCache;
  readonly key: Digest;
  readonly blobs: readonly Digest[];
  /** The same blobs by output index. */
  readonly outputs: readonly Digest[];
  /** Wall time of the compile that a delivery saves, in milliseconds. */
  readonly compileMs: number;
  /** The cache of this machine, that of the grid, a storage, or a worker that has just compiled it. */
  readonly from: 'local' | 'shared' | 'storage' | 'remote';
  /** The share of such deliveries that is to be compiled again; of 1. */
  readonly verify: number;
  /** What is delivered, to be compared with. */
  readonly delivered: Delivered;
  /** For a result that came from the grid, now or some time ago. */
  readonly madeBy?: GridMaker | undefined;
}

export interface PreparedAnswers {
  get(memoKey: string): PreparedAnswer | undefined;
  set(memoKey: string, answer: PreparedAnswer): void;
  drop(memoKey: string): void;
  /** Drops every answer of this key, whoever asked for it. */
  dropAll(key: Digest): void;
}

/** Frames of a 270-header file take about 30 kB: this keeps some 3,000 of them. Least recently used go first. */
const MEMORY_LIMIT = 96 << 20;

export function preparedAnswers(limit = MEMORY_LIMIT): PreparedAnswers {
  const answers = new Map<string, PreparedAnswer>();
  let held = 0;
  const cost = (memoKey: string, answer: PreparedAnswer): number => memoKey.length + answer.frame.length + 500;
  const drop = (memoKey: string): void => {
    const old = answers.get(memoKey);
    if (old === undefined) return;
    held -= cost(memoKey, old);
    answers.delete(memoKey);
  };
  return {
    get(memoKey) {
      const found = answers.get(memoKey);
      if (found === undefined) return undefined;
      answers.delete(memoKey);
      answers.set(memoKey, found);
      return found;
    },
    set(memoKey, answer) {
      drop(memoKey);
      answers.set(memoKey, answer);
      held += cost(memoKey, answer);
      for (const oldest of answers.keys()) {
        if (held <= limit) break;
        drop(oldest);
      }
    },
    drop,
    dropAll(key) {
      for (const [memoKey, answer] of answers) if (answer.key === key) drop(memoKey);
    },
  };
}
