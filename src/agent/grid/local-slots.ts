import { availableParallelism } from 'node:os';

/**
 * How many compiles run on this machine at once while there is a grid: `make -j40` is meant for all machines together,
 * and forty compilers on two cores would slow each other and everything else down.
 */
export interface LocalSlots {
  /** A slot, if one is free now. */
  tryTake(limit: number): Slot | undefined;
  /** The next free slot, in the order of asking; undefined once `signal` aborts. A limit of 0 counts as 1: somebody has to do it. */
  take(limit: number, signal: AbortSignal): Promise<Slot | undefined>;
  /**
   * A slot that nobody else wants, for a compile that waits elsewhere: the last to ask is the first to get one, because its
   * compile is the least likely to have begun. Undefined once `signal` aborts. The limit may change meanwhile.
   */
  takeSpare(limit: () => number, signal: AbortSignal): Promise<Slot | undefined>;
  /** Somebody's limit has grown. */
  again(): void;
  readonly taken: number;
}

export interface Slot {
  /** Gives the slot back; more than once does nothing more. */
  release(): void;
}

interface Waiter {
  limit(): number;
  give(slot: Slot): void;
}

export function localSlots(): LocalSlots {
  let taken = 0;
  const waiting: Waiter[] = [];
  const spare: Waiter[] = [];
  const hand = (): Slot => {
    taken += 1;
    let held = true;
    return {
      release() {
        if (!held) return;
        held = false;
        taken -= 1;
        serve();
      },
    };
  };
  const serve = (): void => {
    for (let next = waiting[0]; next !== undefined && taken < next.limit(); next = waiting[0]) {
      waiting.shift();
      next.give(hand());
    }
    for (
      let next = spare.at(-1);
      waiting.length === 0 && next !== undefined && taken < next.limit();
      next = spare.at(-1)
    ) {
      spare.pop();
      next.give(hand());
    }
  };
  const join = (queue: Waiter[], limit: () => number, signal: AbortSignal): Promise<Slot | undefined> =>
    new Promise((resolve) => {
      const waiter: Waiter = {
        limit,
        give(slot) {
          signal.removeEventListener('abort', leave);
          resolve(slot);
        },
      };
      const leave = (): void => {
        const at = queue.indexOf(waiter);
        if (at >= 0) queue.splice(at, 1);
        resolve(undefined);
      };
      signal.addEventListener('abort', leave, { once: true });
      queue.push(waiter);
      serve();
    });
  return {
    tryTake: (limit) => (waiting.length === 0 && taken < limit ? hand() : undefined),
    take(limit, signal) {
      const atLeastOne = Math.max(1, limit);
      if (signal.aborted) return Promise.resolve(undefined);
      if (waiting.length === 0 && taken < atLeastOne) return Promise.resolve(hand());
      return join(waiting, () => atLeastOne, signal);
    },
    takeSpare: (limit, signal) =>
      signal.aborted || limit() === 0 ? Promise.resolve(undefined) : join(spare, limit, signal),
    again: serve,
    get taken() {
      return taken;
    },
  };
}

/** How many compiles run here at once by a setting, whatever else this machine does. */
export function localLimit(setting: number | 'auto'): number {
  return setting === 'auto' ? availableParallelism() : setting;
}
