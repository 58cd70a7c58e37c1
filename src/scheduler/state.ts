import { type Choose, chooseFastest, isFree, isInService } from './choice.ts';
import { type Durations, newDurations } from './durations.ts';
import { type FairQueue, fairQueue } from './fair-queue.ts';
import type { TaskRecord, WorkerRecord } from './model.ts';
import { fileFree, newPool, type Pool, unfileFree } from './pool.ts';
import { type Random, seededRandom } from './random.ts';

/** What the simulator varies; everybody else takes {@link RULES}. */
export interface Rules {
  readonly choose: Choose;
  /** Within a client the longest task first; else who came first. */
  readonly longestFirst: boolean;
  /** Idle workers run what others are late with as well. */
  readonly copies: boolean;
}

/** The best found: docs/decisions/0019-fastest-first.md has the table. */
export const RULES: Rules = { choose: chooseFastest, longestFirst: true, copies: true };

/** Numbers the operator may choose. */
export interface SchedulerOptions {
  /** Seeds the choice among workers. */
  readonly seed: number;
  /** Tasks that may wait; beyond, they are declined with `no-slot`. */
  readonly queueLimit: number;
  /** How often a worker says that it is there; after three times that it is lost. */
  readonly heartbeatMs: number;
  readonly rules?: Rules;
}

/** Everything the scheduler knows. It has one owner, who hands it to `transition` and to nobody else. */
export interface SchedulerState {
  readonly options: SchedulerOptions;
  readonly rules: Rules;
  readonly random: Random;
  readonly workers: Map<string, WorkerRecord>;
  /** All tasks that have not ended, and those that a worker has not yet confirmed to have stopped. */
  readonly tasks: Map<string, TaskRecord>;
  /** Workers that may get tasks, by architecture. */
  readonly pools: Map<string, Pool>;
  readonly queue: FairQueue;
  /** Tasks that wait for a second worker, longest first. They are served before all others. */
  readonly retries: Set<TaskRecord>;
  /** What is known of workers that went away: one that dies of every task must not come back as new. */
  readonly departed: Map<string, Pick<WorkerRecord, 'circuit' | 'pace'>>;
  readonly durations: Durations;
  /** Records of tasks that are over, to be used again. */
  readonly spareTasks: TaskRecord[];
  /** Submissions so far. */
  submissions: number;
}

export function newScheduler(options: SchedulerOptions): SchedulerState {
  const rules = options.rules ?? RULES;
  return {
    options,
    rules,
    random: seededRandom(options.seed),
    workers: new Map(),
    tasks: new Map(),
    pools: new Map(),
    queue: fairQueue(rules.longestFirst),
    retries: new Set(),
    departed: new Map(),
    durations: newDurations(),
    spareTasks: [],
    submissions: 0,
  };
}

/** The workers of an architecture, made when first asked for. */
export function poolFor({ pools }: SchedulerState, arch: string): Pool {
  let pool = pools.get(arch);
  if (pool === undefined) {
    pool = newPool();
    pools.set(arch, pool);
  }
  return pool;
}

/** Brings the lists in step with a worker after any change of it. */
export function refile(worker: WorkerRecord): void {
  const { pool } = worker;
  if (isInService(worker)) pool.inService.add(worker);
  else pool.inService.remove(worker);
  if (isFree(worker)) fileFree(pool, worker);
  else unfileFree(pool, worker);
}

/** Tasks that wait for a worker. */
export function queueLength(state: SchedulerState): number {
  return state.queue.size + state.retries.size;
}
