import { isFree, isInService } from './choice.ts';
import type { Circuit } from './circuit.ts';
import { type FairQueue, fairQueue } from './fair-queue.ts';
import { type IndexedSet, indexedSet } from './indexed-set.ts';
import type { TaskRecord, WorkerRecord } from './model.ts';
import { type Random, seededRandom } from './random.ts';

/** Numbers the operator may choose. */
export interface SchedulerOptions {
  /** Seeds the choice among workers. */
  readonly seed: number;
  /** Tasks that may wait; beyond, they are declined with `no-slot`. */
  readonly queueLimit: number;
  /** How often a worker says that it is there; after three times that it is lost. */
  readonly heartbeatMs: number;
}

/** Everything the scheduler knows. It has one owner, who hands it to `transition` and to nobody else. */
export interface SchedulerState {
  readonly options: SchedulerOptions;
  readonly random: Random;
  readonly workers: Map<string, WorkerRecord>;
  /** All tasks that have not ended, and those whose cancelling a worker has not confirmed. */
  readonly tasks: Map<string, TaskRecord>;
  /** Workers that may get tasks, by architecture: in service, and of those the ones with a free slot. */
  readonly inService: Map<string, IndexedSet<WorkerRecord>>;
  readonly free: Map<string, IndexedSet<WorkerRecord>>;
  readonly queue: FairQueue;
  /** Tasks that wait for a second worker, longest first. They are served before all others. */
  readonly retries: Set<TaskRecord>;
  /** Circuits of workers that went away: one that dies of every task must not come back as new. */
  readonly departed: Map<string, Circuit>;
  /** Submissions so far. */
  submissions: number;
}

export function newScheduler(options: SchedulerOptions): SchedulerState {
  return {
    options,
    random: seededRandom(options.seed),
    workers: new Map(),
    tasks: new Map(),
    inService: new Map(),
    free: new Map(),
    queue: fairQueue(),
    retries: new Set(),
    departed: new Map(),
    submissions: 0,
  };
}

/** The set for an architecture, made when first asked for. */
export function setFor(sets: Map<string, IndexedSet<WorkerRecord>>, arch: string): IndexedSet<WorkerRecord> {
  let set = sets.get(arch);
  if (set === undefined) {
    set = indexedSet();
    sets.set(arch, set);
  }
  return set;
}

/** Brings the sets in step with a worker after any change of it. */
export function refile(state: SchedulerState, worker: WorkerRecord): void {
  const { arch, id } = worker.offer;
  const attached = state.workers.get(id) === worker;
  const inService = setFor(state.inService, arch);
  const free = setFor(state.free, arch);
  if (attached && isInService(worker)) inService.add(worker);
  else inService.remove(worker);
  if (attached && isFree(worker)) free.add(worker);
  else free.remove(worker);
}

/** Tasks that wait for a worker. */
export function queueLength(state: SchedulerState): number {
  return state.queue.size + state.retries.size;
}
