import { type Demand, demandOf, type KnownDemand } from './demands.ts';
import type { Members } from './indexed-set.ts';
import type { Pool } from './pool.ts';
import { drawBelow } from './random.ts';
import { int } from './rows.ts';
import type { SchedulerState } from './state.ts';
import { hasFlag, RUN, TRIED } from './tasks.ts';
import {
  ADMITS,
  ATTACHED,
  BUSY,
  CLOSED_ENOUGH,
  DRAINING,
  hasWorkerFlag,
  LACKING,
  POOL,
  recordAt,
  SLOTS,
  WORKER_FLAGS,
  type Workers,
} from './workers.ts';

export type { Demand } from './demands.ts';

/** No worker. */
export const NOBODY = -1;

/** Whether a worker may get any task at all, now or when it has a free slot. */
export function isInService({ rows }: Workers, worker: number): boolean {
  const flags = int(rows, worker, WORKER_FLAGS);
  return (flags & IN_SERVICE) === (ATTACHED | CLOSED_ENOUGH) && int(rows, worker, SLOTS) > 0;
}

const IN_SERVICE = ATTACHED | CLOSED_ENOUGH | DRAINING;

/** Whether a worker may get a task this moment. */
export function isFree({ rows }: Workers, worker: number): boolean {
  const flags = int(rows, worker, WORKER_FLAGS);
  return (
    (flags & (IN_SERVICE | ADMITS)) === (ATTACHED | CLOSED_ENOUGH | ADMITS) &&
    int(rows, worker, BUSY) < int(rows, worker, SLOTS)
  );
}

/** Whether a worker is of the right kind, whether or not it is free. */
export function meets(crew: Workers, worker: number, demand: KnownDemand): boolean {
  return int(crew.rows, worker, POOL) === demand.pool && suits(crew, worker, demand);
}

/** The same where it is known to be of the right architecture. */
export function suits(crew: Workers, worker: number, { toolchain, pinnedTo }: Demand): boolean {
  return (
    !(hasWorkerFlag(crew, worker, LACKING) && recordAt(crew, worker).lacks.has(toolchain)) &&
    (pinnedTo === '' || pinnedTo === recordAt(crew, worker).offer.id)
  );
}

/** Whether a worker may have this very task: it has not had it before, and does not have it now. */
export function fits(state: SchedulerState, worker: number, task: number): boolean {
  const { tasks, crew } = state;
  return (
    meets(crew, worker, demandOf(state, task)) &&
    !(hasFlag(tasks, task, TRIED) && tasks.tried.get(task)?.includes(recordAt(crew, worker).offer.id)) &&
    int(tasks.rows, task, RUN) !== worker
  );
}

/** Picks one of the free workers of a task's architecture; {@link NOBODY} if none of them may have it. */
export type Choose = (state: SchedulerState, pool: Pool, task: number) => number;

/**
 * One of the fastest that are free: what is begun on a slow worker last is what everybody waits for in the end. Among
 * equally fast ones the emptier of two drawn at random, which is nearly as even as the emptiest of all at a cost that does
 * not grow with their number (Mitzenmacher, The power of two choices in randomized load balancing, 2001).
 */
export const chooseFastest: Choose = (state, pool, task) => {
  for (let classes = pool.freeClasses; classes !== 0; ) {
    const fastest = 31 - Math.clz32(classes);
    const found = chooseOfTwo(state, pool.free[fastest] as Members, task, isEmptier);
    if (found !== NOBODY) return found;
    classes &= ~(1 << fastest);
  }
  return NOBODY;
};

/** The larger part of its slots is free. */
function isEmptier({ rows }: Workers, one: number, other: number): boolean {
  return int(rows, one, BUSY) * int(rows, other, SLOTS) < int(rows, other, BUSY) * int(rows, one, SLOTS);
}

/** Pairs drawn before every free worker is looked at: nearly always the first pair fits. */
const DRAWS = 4;

/** The better of two workers drawn at random that may have the task. */
export function chooseOfTwo(
  state: SchedulerState,
  free: Members,
  task: number,
  isBetter: (crew: Workers, one: number, other: number) => boolean,
): number {
  const { random } = state;
  if (free.size === 0) return NOBODY;
  if (free.size === 1) return fitting(state, free.at(0), task);
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const first = drawBelow(random, free.size);
    const one = fitting(state, free.at(first), task);
    const other = fitting(state, free.at((first + 1 + drawBelow(random, free.size - 1)) % free.size), task);
    if (one !== NOBODY && other !== NOBODY) return isBetter(state.crew, other, one) ? other : one;
    if (one !== NOBODY || other !== NOBODY) return one !== NOBODY ? one : other;
  }
  return firstFitting(state, free, task, drawBelow(random, free.size));
}

/** Any member that may have the task, looking from `start` on. */
export function firstFitting(state: SchedulerState, workers: Members, task: number, start: number): number {
  for (let step = 0; step < workers.size; step += 1) {
    const worker = workers.at((start + step) % workers.size);
    if (fits(state, worker, task)) return worker;
  }
  return NOBODY;
}

function fitting(state: SchedulerState, worker: number, task: number): number {
  return fits(state, worker, task) ? worker : NOBODY;
}
