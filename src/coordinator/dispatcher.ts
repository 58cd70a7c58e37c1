import type { CompileResult } from '../contract/generated/hybridgrid/v1/build.ts';
import type { RawTask } from '../contract/raw-spec.ts';
import { couldServe } from '../scheduler/attempts.ts';
import type { Demand } from '../scheduler/choice.ts';
import type { SchedulerEffect, SchedulerEvent, TaskOutcome, WorkerOffer, WorkerRecord } from '../scheduler/model.ts';
import { runOn } from '../scheduler/runs.ts';
import { transition } from '../scheduler/scheduler.ts';
import { newScheduler, queueLength, type SchedulerState } from '../scheduler/state.ts';

/** How a task ended for the one who submitted it. */
export type TaskEnd =
  | { readonly kind: 'result'; readonly result: CompileResult; readonly waitedMs: number }
  | { readonly kind: 'declined'; readonly reason: string; readonly detail: string };

/** A task with what the scheduler has to know of it. */
export interface TaskToRun {
  readonly task: RawTask;
  readonly arch: string;
  readonly toolchain: string;
  readonly pinnedTo: string;
  /** The same for the same file before and after an edit. */
  readonly name: string;
  /** Called once, unless the task is cancelled first. */
  readonly ended: (end: TaskEnd) => void;
  /** The client brings it to the worker itself: nothing is sent there, and it runs once. */
  readonly direct?: DirectRun | undefined;
}

/** What becomes of a task that its client brings to the worker. */
export interface DirectRun {
  /** It has a slot there, or where it is late a second one. False: the client cannot use it, and the slot is free again. */
  granted(workerId: string): boolean;
  /** The client has come there. */
  started(workerId: string): void;
}

/** The way to an attached worker. */
export interface WorkerPort {
  run(task: RawTask): void;
  cancel(taskId: string): void;
  /** The worker is not counted on any more: its stream ends. */
  drop(why: string): void;
}

/** An attached worker's side of the dispatcher. */
export interface Attachment {
  heartbeat(): void;
  /** The toolchain of a task that the worker has; undefined where it has no such task. */
  toolchainOf(taskId: string): string | undefined;
  /** The client that was given this task's slot has come. */
  started(taskId: string): void;
  /** A task ended on it; `result` goes with the outcome `ok`. */
  ended(taskId: string, outcome: TaskOutcome, result?: CompileResult): void;
  draining(): void;
  /** It is told to stop what clients brought to it themselves: they would have its results before anybody could look. */
  stopDirect(): void;
  detach(): void;
}

/** The scheduler with a clock and real workers: the one owner of its state. */
export interface Dispatcher {
  submit(run: TaskToRun): void;
  cancel(taskId: string): void;
  /** Tells one worker to stop a task that others may have as well; what it says then is the task's end there. */
  stopOn(taskId: string, workerId: string): void;
  /** Whether any worker could run such tasks, now or later. */
  couldServe(demand: Demand): boolean;
  /** Workers that lacked this toolchain can be asked for it again. */
  toolchainBrought(toolchain: string): void;
  /** A worker of the same id that is attached is dropped. */
  attach(offer: WorkerOffer, port: WorkerPort): Attachment;
  readonly workers: ReadonlyMap<string, WorkerRecord>;
  readonly queued: number;
  readonly active: number;
  /** Drops all workers; what runs is declined. */
  stop(): void;
}

export interface DispatcherOptions {
  readonly heartbeatMs: number;
  readonly queueLimit: number;
  readonly seed: number;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  readonly log: (message: string, details: object) => void;
}

const TICK_MS = 1000;

interface Pending {
  readonly run: TaskToRun;
  waitedMs: number;
  isGranted: boolean;
}

export function startDispatcher(options: DispatcherOptions): Dispatcher {
  const state: SchedulerState = newScheduler(options);
  const tasks = new Map<string, Pending>();
  const ports = new Map<string, WorkerPort>();
  const events: { readonly event: SchedulerEvent; readonly result: CompileResult | undefined }[] = [];
  let isApplying = false;

  /** One event at a time: what an effect causes comes after all effects of its event. */
  function apply(event: SchedulerEvent, result?: CompileResult): void {
    events.push({ event, result });
    if (isApplying) return;
    isApplying = true;
    try {
      for (let next = events.shift(); next !== undefined; next = events.shift()) {
        for (const effect of transition(state, next.event, options.now())) perform(effect, next.result);
      }
    } finally {
      isApplying = false;
    }
  }

  function perform(effect: SchedulerEffect, result: CompileResult | undefined): void {
    switch (effect.kind) {
      case 'assign': {
        const pending = tasks.get(effect.task);
        // Cancelled by what an earlier effect of the same event caused: the worker never hears of it.
        if (pending === undefined) {
          apply({ kind: 'task-ended', task: effect.task, worker: effect.worker, outcome: { kind: 'lost' } });
          return;
        }
        pending.waitedMs = effect.waitedMs;
        assign(effect.task, effect.worker, pending);
        return;
      }
      case 'complete':
        finish(effect.task, (waitedMs) =>
          result === undefined
            ? { kind: 'declined', reason: 'internal', detail: 'no result' }
            : { kind: 'result', result, waitedMs },
        );
        return;
      case 'decline':
        finish(effect.task, () => ({ kind: 'declined', reason: effect.reason, detail: effect.detail }));
        return;
      case 'cancel':
        ports.get(effect.worker)?.cancel(effect.task);
        return;
      case 'worker-lost':
        options.log('a worker is lost: no heartbeat', { worker: effect.worker });
        ports.get(effect.worker)?.drop('no heartbeat');
        ports.delete(effect.worker);
    }
  }

  function assign(taskId: string, worker: string, pending: Pending): void {
    const { task, direct } = pending.run;
    if (direct === undefined) ports.get(worker)?.run(task);
    else if (direct.granted(worker)) pending.isGranted = true;
    else {
      // Whoever has it already goes on with it. The worker is not blamed for what it never heard of.
      if (!pending.isGranted && tasks.delete(taskId)) apply({ kind: 'task-cancelled', task: taskId });
      const outcome = { kind: 'declined', reason: 'client-gone', detail: 'no way to it' } as const;
      apply({ kind: 'task-ended', task: taskId, worker, outcome });
    }
  }

  function finish(taskId: string, end: (waitedMs: number) => TaskEnd): void {
    const pending = tasks.get(taskId);
    tasks.delete(taskId);
    pending?.run.ended(end(pending.waitedMs));
  }

  const everyMs = Math.min(TICK_MS, options.heartbeatMs);
  let tickedAt = options.now();
  let wasLate = false;
  const ticking = setInterval(() => {
    const isLate = options.now() - tickedAt >= 2 * everyMs;
    tickedAt = options.now();
    // After a pause of our own, what workers have said meanwhile is still to be read: silence is judged the next time,
    // late or not, or a coordinator that is always busy would never lose anybody.
    const isSpared = isLate && !wasLate;
    wasLate = isSpared;
    if (!isSpared) apply({ kind: 'tick' });
  }, everyMs);
  ticking.unref();

  return {
    submit(run) {
      tasks.set(run.task.taskId, { run, waitedMs: 0, isGranted: false });
      const { arch, toolchain, pinnedTo, name, task, direct } = run;
      const once = direct !== undefined;
      apply({
        kind: 'task-submitted',
        task: { id: task.taskId, client: task.client, arch, toolchain, pinnedTo, name, once },
      });
    },
    cancel(taskId) {
      if (tasks.delete(taskId)) apply({ kind: 'task-cancelled', task: taskId });
    },
    stopOn: (taskId, workerId) => ports.get(workerId)?.cancel(taskId),
    couldServe: (demand) => couldServe(state, demand),
    toolchainBrought: (toolchain) => apply({ kind: 'toolchain-brought', toolchain }),
    attach(offer, port) {
      ports.get(offer.id)?.drop('attached again');
      ports.set(offer.id, port);
      apply({ kind: 'worker-attached', worker: offer });
      // What an older stream of the same worker says is not heard any more.
      const ifCurrent = (event: SchedulerEvent, result?: CompileResult): void => {
        if (ports.get(offer.id) === port) apply(event, result);
      };
      const taskOf = (id: string) => {
        const task = state.tasks.get(id);
        const isIts = ports.get(offer.id) === port && task !== undefined && runOn(task, offer.id) !== undefined;
        return isIts ? task : undefined;
      };
      return {
        toolchainOf: (id) => taskOf(id)?.ask.toolchain,
        started: (id) => {
          if (taskOf(id) !== undefined) tasks.get(id)?.run.direct?.started(offer.id);
        },
        heartbeat: () => ifCurrent({ kind: 'worker-heartbeat', worker: offer.id }),
        ended: (task, outcome, result) => ifCurrent({ kind: 'task-ended', task, worker: offer.id, outcome }, result),
        stopDirect() {
          for (const [id, { run }] of tasks) if (run.direct !== undefined && taskOf(id) !== undefined) port.cancel(id);
        },
        draining: () => ifCurrent({ kind: 'worker-draining', worker: offer.id }),
        detach() {
          if (ports.get(offer.id) !== port) return;
          ports.delete(offer.id);
          apply({ kind: 'worker-detached', worker: offer.id });
        },
      };
    },
    workers: state.workers,
    get queued() {
      return queueLength(state);
    },
    get active() {
      let active = 0;
      for (const worker of state.workers.values()) active += worker.busy;
      return active;
    },
    stop() {
      clearInterval(ticking);
      for (const [id, port] of [...ports]) {
        port.drop('the coordinator stops');
        ports.delete(id);
        apply({ kind: 'worker-detached', worker: id });
      }
    },
  };
}
