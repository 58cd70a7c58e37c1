import type { Digest } from '../base/digest.ts';
import type { Sight } from './file-snapshot.ts';
import type { SharedSight } from './grid/shared-sight.ts';

/**
 * Finished compiles that are stored one after the other, so that a burst of endings does not make the next hit wait for all
 * of them. Storing one looks at every header it read, and its neighbours read the same ones: those that ended before one
 * look share it while it is fresh. None waits for others: where objects are written beside headers, that left 20 of 120
 * results without their proof.
 */
export interface StoreQueue {
  /** A compile begins here. */
  began(): void;
  /** One is over, whatever came of it. */
  over(): void;
  /** `keys`: whose lookups the result may answer. `store` gets a sight that began after this call. */
  add(keys: readonly Digest[], store: (sight: Sight) => Promise<void>): void;
  /** Resolves once nothing is in the queue that could answer for one of these keys. */
  upToDate(keys: readonly Digest[]): Promise<void>;
  /** Resolves once nothing is in the queue. */
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

interface Unfinished {
  readonly keys: readonly Digest[];
  readonly done: Promise<void>;
}

export function storeQueue({ sights, now, failed }: StoreQueueServices): StoreQueue {
  const unfinished = new Set<Unfinished>();
  let underWay = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    began() {
      underWay += 1;
    },
    over() {
      underWay -= 1;
    },
    add(keys, store) {
      const since = now();
      // Launchers that wait for an answer come first.
      const done = last
        .then(nextTurn)
        .then(() => store(sights.takeAfter(since)))
        .catch(failed)
        .finally(() => unfinished.delete(one));
      const one: Unfinished = { keys, done };
      unfinished.add(one);
      last = done;
    },
    async upToDate(keys) {
      for (const one of [...unfinished]) if (one.keys.some((key) => keys.includes(key))) await one.done;
    },
    async settled() {
      while (unfinished.size > 0) await last;
    },
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
