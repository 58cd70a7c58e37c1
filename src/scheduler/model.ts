import type { Circuit } from './circuit.ts';

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
  | { readonly kind: 'tick' };

export type SchedulerEffect =
  /** `waitedMs` counts from the submission. */
  | { readonly kind: 'assign'; readonly task: string; readonly worker: string; readonly waitedMs: number }
  /** The worker's answer to the task is the task's end. */
  | { readonly kind: 'complete'; readonly task: string; readonly worker: string }
  | { readonly kind: 'decline'; readonly task: string; readonly reason: string; readonly detail: string }
  /** The worker shall stop a task nobody wants any more; its slot is taken until it says it did. */
  | { readonly kind: 'cancel'; readonly task: string; readonly worker: string }
  /** Not heard of for too long; a worker that detached itself is not announced. */
  | { readonly kind: 'worker-lost'; readonly worker: string };

/** A task from its submission to its end. */
export interface TaskRecord {
  readonly ask: TaskAsk;
  readonly submittedMs: number;
  /** Grows with every submission: who came first. */
  readonly number: number;
  /** Workers that declined it or were lost with it. */
  readonly tried: string[];
  place:
    | { readonly kind: 'waiting' }
    | { readonly kind: 'running'; readonly worker: WorkerRecord }
    | { readonly kind: 'cancelling'; readonly worker: WorkerRecord; readonly sinceMs: number };
  /** Neighbours in the queue it waits in. */
  before: TaskRecord | undefined;
  after: TaskRecord | undefined;
}

/** An attached worker. */
export interface WorkerRecord {
  readonly offer: WorkerOffer;
  /** Tasks that hold a slot, those being cancelled included. */
  readonly tasks: Set<TaskRecord>;
  readonly circuit: Circuit;
  /** Toolchains it said it cannot get. */
  readonly lacks: Set<string>;
  /** Exponentially weighted mean of {@link TaskOutcome}'s latency. */
  latencyMs: number;
  lastSeenMs: number;
  draining: boolean;
  completed: number;
  failed: number;
}
