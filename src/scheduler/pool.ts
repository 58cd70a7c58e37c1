import { type IndexedSet, indexedSet } from './indexed-set.ts';
import { SPEED_CLASSES } from './pace.ts';
import { int, setInt } from './rows.ts';
import { FREE_AT, FREE_CLASS, SERVICE_AT, SPEED_CLASS, type Workers } from './workers.ts';

/** The workers of one architecture that may get tasks. */
export interface Pool {
  /** What workers and demands call it. */
  readonly number: number;
  /** In service, free or busy. */
  readonly inService: IndexedSet;
  /** Those with a free slot, by their class of speed. */
  readonly free: readonly IndexedSet[];
  /** The classes that have a member, fastest first, as bits of a number: class 0 is the lowest bit. */
  freeClasses: number;
}

/** A worker is in one list of free ones at most, so that one number will do for its place. */
export function newPool(number: number, { rows }: Workers): Pool {
  return {
    number,
    inService: indexedSet(rows, SERVICE_AT),
    free: Array.from({ length: SPEED_CLASSES }, () => indexedSet(rows, FREE_AT)),
    freeClasses: 0,
  };
}

/** Files a worker with a free slot under its speed, which may have changed. */
export function fileFree(pool: Pool, workers: Workers, worker: number): void {
  const { rows } = workers;
  const to = int(rows, worker, SPEED_CLASS);
  if (int(rows, worker, FREE_AT) >= 0) {
    if (int(rows, worker, FREE_CLASS) === to) return;
    unfileFree(pool, workers, worker);
  }
  setInt(rows, worker, FREE_CLASS, to);
  pool.free[to]?.add(worker);
  pool.freeClasses |= 1 << to;
}

/** A worker has no free slot any more. */
export function unfileFree(pool: Pool, { rows }: Workers, worker: number): void {
  if (int(rows, worker, FREE_AT) < 0) return;
  const from = int(rows, worker, FREE_CLASS);
  const set = pool.free[from];
  set?.remove(worker);
  if (set?.size === 0) pool.freeClasses &= ~(1 << from);
}
