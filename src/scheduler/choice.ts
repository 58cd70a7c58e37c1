import { admits } from './circuit.ts';
import type { IndexedSet } from './indexed-set.ts';
import type { TaskRecord, WorkerRecord } from './model.ts';
import { drawBelow, type Random } from './random.ts';

/** Weights of the score; see {@link scoreOf}. */
export const SCORE = { nativeArch: 50, core: 10, gigabyte: 5, activeTask: -15, latencyMs: -0.5, lan: 20 } as const;

const GIGABYTE = 1e9;

/** How good a place a worker is for a task: the higher the better. */
export function scoreOf(worker: WorkerRecord, task: TaskRecord): number {
  const { offer } = worker;
  return (
    (offer.arch === task.ask.arch ? SCORE.nativeArch : 0) +
    SCORE.core * offer.cores +
    SCORE.gigabyte * (offer.memoryBytes / GIGABYTE) +
    SCORE.activeTask * worker.tasks.size +
    SCORE.latencyMs * worker.latencyMs +
    (offer.lan ? SCORE.lan : 0)
  );
}

/** Whether a worker may get any task at all, now or when it has a free slot. */
export function isInService(worker: WorkerRecord): boolean {
  return !worker.draining && worker.offer.slots > 0 && worker.circuit.phase !== 'open';
}

/** Whether a worker may get a task this moment. */
export function isFree(worker: WorkerRecord): boolean {
  return isInService(worker) && worker.tasks.size < worker.offer.slots && admits(worker.circuit);
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

/** Whether a worker may have this very task. */
export function fits(worker: WorkerRecord, task: TaskRecord): boolean {
  return meets(worker, task.ask) && !task.tried.includes(worker.offer.id);
}

/** Pairs drawn before every free worker is looked at: nearly always the first pair fits. */
const DRAWS = 4;

/**
 * The better of two workers drawn at random: nearly as even as the best of all, at a cost that does not grow with their
 * number, and without everybody running to the same best one between two looks.
 * @param free workers with a free slot, all of the task's architecture
 */
export function chooseWorker(
  free: IndexedSet<WorkerRecord>,
  task: TaskRecord,
  random: Random,
): WorkerRecord | undefined {
  if (free.size === 0) return undefined;
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const first = drawBelow(random, free.size);
    const second = free.size === 1 ? first : (first + 1 + drawBelow(random, free.size - 1)) % free.size;
    const better = betterOf(fitting(free.at(first), task), fitting(free.at(second), task), task);
    if (better !== undefined) return better;
  }
  return firstFitting(free, task, drawBelow(random, free.size));
}

/** Any member that may have the task, looking from `start` on. */
export function firstFitting(
  workers: IndexedSet<WorkerRecord>,
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

function betterOf(
  one: WorkerRecord | undefined,
  other: WorkerRecord | undefined,
  task: TaskRecord,
): WorkerRecord | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return scoreOf(other, task) > scoreOf(one, task) ? other : one;
}
