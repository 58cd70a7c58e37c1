import { admits } from './circuit.ts';
import type { Members } from './indexed-set.ts';
import type { TaskRecord, WorkerRecord } from './model.ts';
import type { Pool } from './pool.ts';
import { drawBelow, type Random } from './random.ts';

/** Whether a worker may get any task at all, now or when it has a free slot. */
export function isInService(worker: WorkerRecord): boolean {
  return worker.attached && !worker.draining && worker.offer.slots > 0 && worker.circuit.phase !== 'open';
}

/** Whether a worker may get a task this moment. */
export function isFree(worker: WorkerRecord): boolean {
  return isInService(worker) && worker.busy < worker.offer.slots && admits(worker.circuit);
}

/** The tasks of a queue that are alike as far as workers can tell. */
export interface Demand {
  readonly arch: string;
  readonly toolchain: string;
  readonly pinnedTo: string;
}

/** Whether a worker is of the right kind, whether or not it is free. */
export function meets(worker: WorkerRecord, demand: Demand): boolean {
  return (
    worker.offer.arch === demand.arch &&
    !worker.lacks.has(demand.toolchain) &&
    (demand.pinnedTo === '' || demand.pinnedTo === worker.offer.id)
  );
}

/** Whether a worker may have this very task: it has not had it before, and does not have it now. */
export function fits(worker: WorkerRecord, task: TaskRecord): boolean {
  return meets(worker, task.ask) && !task.tried.includes(worker.offer.id) && task.run?.worker !== worker;
}

/** Picks one of the free workers of a task's architecture; undefined if none of them may have it. */
export type Choose = (pool: Pool, task: TaskRecord, random: Random) => WorkerRecord | undefined;

/**
 * One of the fastest that are free: what is begun on a slow worker last is what everybody waits for in the end. Among
 * equally fast ones the emptier of two drawn at random, which is nearly as even as the emptiest of all at a cost that does
 * not grow with their number (Mitzenmacher, The power of two choices in randomized load balancing, 2001).
 */
export const chooseFastest: Choose = (pool, task, random) => {
  for (let classes = pool.freeClasses; classes !== 0; ) {
    const fastest = 31 - Math.clz32(classes);
    const found = chooseOfTwo(pool.free[fastest] as Members<WorkerRecord>, task, random, isEmptier);
    if (found !== undefined) return found;
    classes &= ~(1 << fastest);
  }
  return undefined;
};

/** The larger part of its slots is free. */
function isEmptier(one: WorkerRecord, other: WorkerRecord): boolean {
  return one.busy * other.offer.slots < other.busy * one.offer.slots;
}

/** Pairs drawn before every free worker is looked at: nearly always the first pair fits. */
const DRAWS = 4;

/** The better of two workers drawn at random that may have the task. */
export function chooseOfTwo(
  free: Members<WorkerRecord>,
  task: TaskRecord,
  random: Random,
  isBetter: (one: WorkerRecord, other: WorkerRecord) => boolean,
): WorkerRecord | undefined {
  if (free.size === 0) return undefined;
  if (free.size === 1) return fitting(free.at(0), task);
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const first = drawBelow(random, free.size);
    const one = fitting(free.at(first), task);
    const other = fitting(free.at((first + 1 + drawBelow(random, free.size - 1)) % free.size), task);
    if (one !== undefined && other !== undefined) return isBetter(other, one) ? other : one;
    if (one !== undefined || other !== undefined) return one ?? other;
  }
  return firstFitting(free, task, drawBelow(random, free.size));
}

/** Any member that may have the task, looking from `start` on. */
export function firstFitting(
  workers: Members<WorkerRecord>,
  task: TaskRecord,
  start: number,
): WorkerRecord | undefined {
  for (let step = 0; step < workers.size; step += 1) {
    const found = fitting(workers.at((start + step) % workers.size), task);
    if (found !== undefined) return found;
  }
  return undefined;
}

function fitting(worker: WorkerRecord | undefined, task: TaskRecord): WorkerRecord | undefined {
  return worker !== undefined && fits(worker, task) ? worker : undefined;
}
