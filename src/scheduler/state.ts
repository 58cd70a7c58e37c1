import { type Choose, chooseFastest, isFree, isInService } from './choice.ts';
import { type Demands, demandOf, newDemands } from './demands.ts';
import { type Durations, newDurations } from './durations.ts';
import { type Effects, newEffects } from './effects.ts';
import { type FairQueue, fairQueue } from './fair-queue.ts';
import type { WorkerRecord } from './model.ts';
import { fileFree, newPool, type Pool, unfileFree } from './pool.ts';
import { type Random, seededRandom } from './random.ts';
import { int } from './rows.ts';
import { newTasks, type Tasks } from './tasks.ts';
import { type Learned, newWorkers, POOL, type Workers } from './workers.ts';

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
  /** Those that are attached, by id, and all that is known of them, by number. */
  readonly workers: Map<string, WorkerRecord>;
  readonly crew: Workers;
  /** All tasks that have not ended, and those that a worker has not yet confirmed to have stopped. */
  readonly tasks: Tasks;
  readonly demands: Demands;
  /** Workers that may get tasks, by architecture, and by number. */
  readonly pools: Map<string, Pool>;
  readonly poolList: Pool[];
  readonly queue: FairQueue;
  /** Tasks that wait for a second worker, longest first. They are served before all others. */
  readonly retries: Set<number>;
  /** What is known of workers that went away: one that dies of every task must not come back as new. */
  readonly departed: Map<string, Learned>;
  readonly durations: Durations;
  /** Of the event at hand; empty between two. */
  readonly effects: Effects;
  /** Submissions so far. */
  submissions: number;
}

export function newScheduler(options: SchedulerOptions): SchedulerState {
  const rules = options.rules ?? RULES;
  const tasks = newTasks();
  const demands = newDemands();
  return {
    options,
    rules,
    random: seededRandom(options.seed),
    workers: new Map(),
    crew: newWorkers(),
    tasks,
    demands,
    pools: new Map(),
    poolList: [],
    queue: fairQueue(tasks, demands, rules.longestFirst),
    retries: new Set(),
    departed: new Map(),
    durations: newDurations(),
    effects: newEffects(),
    submissions: 0,
  };
}

/** The workers of an architecture, made when first asked for. */
export function poolFor({ pools, poolList, crew }: SchedulerState, arch: string): Pool {
  let pool = pools.get(arch);
  if (pool === undefined) {
    pool = newPool(poolList.length, crew);
    pools.set(arch, pool);
    poolList.push(pool);
  }
  return pool;
}

/** The workers that a task is for. */
export function poolOf(state: SchedulerState, task: number): Pool {
  return state.poolList[demandOf(state, task).pool] as Pool;
}

/** Brings the lists in step with a worker after any change of it. */
export function refile({ crew, poolList }: SchedulerState, worker: number): void {
  const pool = poolList[int(crew.rows, worker, POOL)] as Pool;
  if (isInService(crew, worker)) pool.inService.add(worker);
  else pool.inService.remove(worker);
  if (isFree(crew, worker)) fileFree(pool, crew, worker);
  else unfileFree(pool, crew, worker);
}

/** Tasks that wait for a worker. */
export function queueLength(state: SchedulerState): number {
  return state.queue.size + state.retries.size;
}
