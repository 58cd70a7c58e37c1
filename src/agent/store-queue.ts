import type { Digest } from '../base/digest.ts';
import type { Sight } from './file-snapshot.ts';
import type { SharedSight } from './grid/shared-sight.ts';

/**
 * Finished compiles that wait to be stored. Storing one looks at every header it read, and its neighbours read the same
 * ones: those that ended before one look may share it. Where `together` is more than one, a result waits for others while
 * compiles go on here, and no longer: not when the last of them is over, not when somebody asks for it, not when files are
 * looked at anyway. It is one: where objects are written beside headers, what was written while results waited left 20 of 120
 * of them without their proof.
 */
export interface StoreQueue {
  /** A compile begins here. */
  began(): void;
  /** One is over, whatever came of it. */
  over(): void;
  /** `keys`: whose lookups the result may answer. `store` gets a sight that began after this call. */
  add(keys: readonly Digest[], store: (sight: Sight) => Promise<void>): void;
  /** Resolves once nothing waits that could answer for one of these keys. */
  upToDate(keys: readonly Digest[]): Promise<void>;
  /** Resolves once nothing waits. */
  settled(): Promise<void>;
  /** Compiles that have begun and are not over. */
  readonly underWay: number;
  /** Results that wait or are being stored. */
  readonly length: number;
}

export interface StoreQueueServices {
  readonly sights: SharedSight;
  /** A clock that never goes back, in milliseconds; the one of `sights`. */
  readonly now: () => number;
  readonly failed: (error: unknown) => void;
}

/** So long a result waits at most: what a crash of the agent may lose, and in which an edit makes it worthless. */
const LONGEST_MS = 2_000;
/** How many share a look; more than one only where nobody writes beside sources. */
const TOGETHER = 1;

interface Waiting {
  readonly keys: readonly Digest[];
  readonly since: number;
  readonly store: (sight: Sight) => Promise<void>;
}

/** `longestMs`: how long a result waits at most; `together`: how many wait for each other. */
export function storeQueue(
  { sights, now, failed }: StoreQueueServices,
  longestMs: number = LONGEST_MS,
  together: number = TOGETHER,
): StoreQueue {
  const unfinished = new Set<Waiting>();
  let waiting: Waiting[] = [];
  let underWay = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  const storeTogether = async (batch: readonly Waiting[]): Promise<void> => {
    // Launchers that wait for an answer come first, before and between.
    await nextTurn();
    const sight = sights.takeAfter(batch.at(-1)?.since ?? now());
    for (const one of batch) {
      await one.store(sight).catch(failed);
      unfinished.delete(one);
      await nextTurn();
    }
  };
  const storeAll = async (): Promise<void> => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += together) await storeTogether(all.slice(at, at + together));
    running = undefined;
    if (waiting.length > 0) wait();
  };
  const start = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length > 0) running ??= storeAll();
  };
  const wait = (): void => {
    if (underWay === 0 || waiting.length >= together) start();
    else timer ??= setTimeout(start, longestMs);
  };
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) {
      start();
      await running;
    }
  };
  sights.whenTaken(start);

  return {
    began() {
      underWay += 1;
    },
    over() {
      underWay -= 1;
      if (underWay === 0) start();
    },
    add(keys, store) {
      const one = { keys, since: now(), store };
      waiting.push(one);
      unfinished.add(one);
      wait();
    },
    upToDate: (keys) => until(() => ![...unfinished].some((one) => one.keys.some((key) => keys.includes(key)))),
    settled: () => until(() => unfinished.size === 0),
    get underWay() {
      return underWay;
    },
    get length() {
      return unfinished.size;
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
