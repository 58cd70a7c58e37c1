import { type IndexedSet, indexedSet } from './indexed-set.ts';
import type { WorkerRecord } from './model.ts';
import { SPEED_CLASSES, speedClass } from './pace.ts';

/** The workers of one architecture that may get tasks. */
export interface Pool {
  /** In service, free or busy. */
  readonly inService: IndexedSet<WorkerRecord>;
  /** Those with a free slot, by their class of speed. */
  readonly free: readonly IndexedSet<WorkerRecord>[];
  /** The classes that have a member, fastest first, as bits of a number: class 0 is the lowest bit. */
  freeClasses: number;
}

const serviceSet = (): IndexedSet<WorkerRecord> =>
  indexedSet(
    (worker) => worker.serviceAt,
    (worker, at) => {
      worker.serviceAt = at;
    },
  );

/** A worker is in one of them at most, so that one number will do. */
const freeSet = (): IndexedSet<WorkerRecord> =>
  indexedSet(
    (worker) => worker.freeAt,
    (worker, at) => {
      worker.freeAt = at;
    },
  );

export function newPool(): Pool {
  return { inService: serviceSet(), free: Array.from({ length: SPEED_CLASSES }, freeSet), freeClasses: 0 };
}

/** Files a worker with a free slot under its speed, which may have changed. */
export function fileFree(pool: Pool, worker: WorkerRecord): void {
  const to = speedClass(worker.pace.speed);
  if (worker.freeAt >= 0 && worker.freeClass === to) return;
  unfileFree(pool, worker);
  worker.freeClass = to;
  pool.free[to]?.add(worker);
  pool.freeClasses |= 1 << to;
}

/** A worker has no free slot any more. */
export function unfileFree(pool: Pool, worker: WorkerRecord): void {
  if (worker.freeAt < 0) return;
  const set = pool.free[worker.freeClass];
  set?.remove(worker);
  if (set?.size === 0) pool.freeClasses &= ~(1 << worker.freeClass);
}
