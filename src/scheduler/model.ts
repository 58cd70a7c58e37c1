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
export interface TaskAsk<Id = number> {
  readonly id: Id;
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

/**
 * What happens to the scheduler. Tasks and workers are numbers that it gives out (`reserveTask` in tasks.ts, `reserveWorker` in
 * workers.ts), or names for who speaks through by-name.ts.
 */
export type SchedulerEvent<Id = number> =
  /** A worker that is there already under the id of the offer is lost first. */
  | { readonly kind: 'worker-attached'; readonly worker: Id; readonly offer: WorkerOffer }
  | { readonly kind: 'worker-heartbeat'; readonly worker: Id }
  | { readonly kind: 'worker-detached'; readonly worker: Id }
  | { readonly kind: 'worker-draining'; readonly worker: Id }
  | { readonly kind: 'task-submitted'; readonly task: TaskAsk<Id> }
  | { readonly kind: 'task-ended'; readonly task: Id; readonly worker: Id; readonly outcome: TaskOutcome }
  | { readonly kind: 'task-cancelled'; readonly task: Id }
  /** What workers lacked of it can be had now. */
  | { readonly kind: 'toolchain-brought'; readonly toolchain: string }
  | { readonly kind: 'tick' };

export type SchedulerEffect<Id = number> =
  /**
   * `waitedMs` counts from the submission. A task may be assigned to a second worker while the first one still has it:
   * the answer that comes first is its end.
   */
  | { readonly kind: 'assign'; readonly task: Id; readonly worker: Id; readonly waitedMs: number }
  /** The worker's answer to the task is the task's end. Its number is its own until no worker has it any more. */
  | { readonly kind: 'complete'; readonly task: Id; readonly worker: Id }
  | { readonly kind: 'decline'; readonly task: Id; readonly reason: string; readonly detail: string }
  /** The worker shall stop a task nobody wants from it any more; its slot is taken until it says it did. */
  | { readonly kind: 'cancel'; readonly task: Id; readonly worker: Id }
  /** Not heard of for too long; a worker that detached itself is not announced. */
  | { readonly kind: 'worker-lost'; readonly worker: Id };

/** An attached worker. */
export interface WorkerRecord {
  /** What events and effects call it. */
  readonly number: number;
  readonly offer: WorkerOffer;
  readonly circuit: Readonly<Circuit>;
  /** Toolchains it said it cannot get. */
  lacks: ReadonlySet<string>;
  /** Slots that are taken, by tasks that are being stopped as well. */
  readonly busy: number;
  readonly draining: boolean;
  /** Exponentially weighted mean of {@link TaskOutcome}'s latency. */
  readonly latencyMs: number;
  readonly completed: number;
  readonly failed: number;
}
