import type { Circuit } from './circuit.ts';
import type { Duration } from './durations.ts';
import type { Client } from './fair-queue.ts';
import type { Pace } from './pace.ts';
import type { Pool } from './pool.ts';

/** What a worker brings when it attaches. */
export interface WorkerOffer {
  readonly id: string;
  readonly arch: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** How many tasks it runs at once; with 0 it is known and never chosen. */
  readonly slots: number;
  /** It is in the same local network. */
  readonly lan: boolean;
}

/** What a client wants done. */
export interface TaskAsk {
  readonly id: string;
  /** Whose fair share it counts against. */
  readonly client: string;
  readonly arch: string;
  /** The digest of the toolchain it needs, in any notation. */
  readonly toolchain: string;
  /** Only this worker, by its id; empty: any. */
  readonly pinnedTo: string;
  /** The same for the same piece of work before and after an edit: it will take about as long again. Empty: unknown. */
  readonly name: string;
  /** What ends without a result is not tried again: whoever brings it to workers sees to that. */
  readonly once?: boolean | undefined;
}

/** How a task ended on a worker. Whether the compiler liked the source is no matter of the scheduler: that is `ok`. */
export type TaskOutcome =
  /** `latencyMs` is the task's time on the worker beyond its CPU time. */
  | { readonly kind: 'ok'; readonly latencyMs: number }
  | { readonly kind: 'declined'; readonly reason: string; readonly detail: string }
  /** The worker did not get it, or its answer is unusable. */
  | { readonly kind: 'lost' };

export type SchedulerEvent =
  /** A worker that is there already under this id is lost first. */
  | { readonly kind: 'worker-attached'; readonly worker: WorkerOffer }
  | { readonly kind: 'worker-heartbeat'; readonly worker: string }
  | { readonly kind: 'worker-detached'; readonly worker: string }
  | { readonly kind: 'worker-draining'; readonly worker: string }
  | { readonly kind: 'task-submitted'; readonly task: TaskAsk }
  | { readonly kind: 'task-ended'; readonly task: string; readonly worker: string; readonly outcome: TaskOutcome }
  | { readonly kind: 'task-cancelled'; readonly task: string }
  /** What workers lacked of it can be had now. */
  | { readonly kind: 'toolchain-brought'; readonly toolchain: string }
  | { readonly kind: 'tick' };

export type SchedulerEffect =
  /**
   * `waitedMs` counts from the submission. A task may be assigned to a second worker while the first one still has it:
   * the answer that comes first is its end.
   */
  | { readonly kind: 'assign'; readonly task: string; readonly worker: string; readonly waitedMs: number }
  /** The worker's answer to the task is the task's end. */
  | { readonly kind: 'complete'; readonly task: string; readonly worker: string }
  | { readonly kind: 'decline'; readonly task: string; readonly reason: string; readonly detail: string }
  /** The worker shall stop a task nobody wants from it any more; its slot is taken until it says it did. */
  | { readonly kind: 'cancel'; readonly task: string; readonly worker: string }
  /** Not heard of for too long; a worker that detached itself is not announced. */
  | { readonly kind: 'worker-lost'; readonly worker: string };

/**
 * A task from its submission until no worker has it any more. Records are used again for later tasks
 * (src/scheduler/task-records.ts): nobody keeps one beyond that.
 */
export interface TaskRecord {
  ask: TaskAsk;
  client: Client;
  submittedMs: number;
  /** Grows with every submission: who came first. */
  number: number;
  /** What tasks of its name took. */
  known: Duration | undefined;
  /** What it will take on a worker of speed 1, in milliseconds, by what was known when it was submitted; 0: unknown. */
  workMs: number;
  /** Workers that declined it or were lost with it. */
  tried: readonly string[];
  /** Somebody waits for its end. */
  isWanted: boolean;
  /** Where it runs; undefined while it waits. */
  run: Slot | undefined;
  /** Where it runs as well, for the case that this ends sooner. Never without `run`. */
  copy: Slot | undefined;
  /** Neighbours in the queue it waits in. */
  before: TaskRecord | undefined;
  after: TaskRecord | undefined;
}

/** A slot of a worker, and what it is taken by. */
export interface Slot {
  readonly worker: WorkerRecord;
  /** Undefined where it is free. */
  task: TaskRecord | undefined;
  startedMs: number;
  /** When the worker was told to stop it; -1: it was not. */
  cancelledMs: number;
  /** Its number among the worker's slots. */
  place: number;
}

/** An attached worker. */
export interface WorkerRecord {
  readonly offer: WorkerOffer;
  /** The workers of its architecture. */
  readonly pool: Pool;
  /** Made when first needed; the taken ones are before all others. */
  readonly slots: Slot[];
  /** How many of them are taken, by tasks that are being cancelled as well. */
  busy: number;
  readonly circuit: Circuit;
  readonly pace: Pace;
  /** Toolchains it said it cannot get. */
  lacks: ReadonlySet<string>;
  /** Exponentially weighted mean of {@link TaskOutcome}'s latency. */
  latencyMs: number;
  lastSeenMs: number;
  /** Not lost, not gone, and not attached again in the meantime. */
  attached: boolean;
  draining: boolean;
  completed: number;
  failed: number;
  /** Its numbers in the lists of the pool, -1 where it is not in it; and which list of free ones it is in. */
  serviceAt: number;
  freeAt: number;
  freeClass: number;
}
