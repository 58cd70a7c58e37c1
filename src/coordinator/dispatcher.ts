import type { CompileResult } from '../contract/generated/hybridgrid/v1/build.ts';
import type { RawTask } from '../contract/raw-spec.ts';
import { couldServe } from '../scheduler/attempts.ts';
import type { Demand } from '../scheduler/choice.ts';
import { demandOf } from '../scheduler/demands.ts';
import type { SchedulerEffect, SchedulerEvent, TaskOutcome, WorkerOffer, WorkerRecord } from '../scheduler/model.ts';
import { hasRun } from '../scheduler/runs.ts';
import { transition } from '../scheduler/scheduler.ts';
import { newScheduler, queueLength, type SchedulerState } from '../scheduler/state.ts';
import { hasFlag, reserveTask, UNDER_WAY } from '../scheduler/tasks.ts';
import { reserveWorker } from '../scheduler/workers.ts';

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
  readonly id: string;
  /** The scheduler's, from its submission's turn on; -1 before. */
  number: number;
  /** Undefined as soon as nobody waits for it. */
  run: TaskToRun | undefined;
  waitedMs: number;
  isGranted: boolean;
}

/** Where a worker of this id is. */
interface Place {
  readonly id: string;
  readonly port: WorkerPort;
}

export function startDispatcher(options: DispatcherOptions): Dispatcher {
  const state: SchedulerState = newScheduler(options);
  /** By the scheduler's numbers; and by id, until the number is another task's and no longer. */
  const tasks: Pending[] = [];
  const byId = new Map<string, Pending>();
  const places: (Place | undefined)[] = [];
  const events: { readonly next: () => SchedulerEvent | undefined; readonly result: CompileResult | undefined }[] = [];
  let isApplying = false;

  /**
   * One event at a time: what an effect causes comes after all effects of its event. Numbers are looked up and given out
   * when an event's turn comes: until then, the effects before it may speak of the task that had the number.
   */
  function apply(next: () => SchedulerEvent | undefined, result?: CompileResult): void {
    events.push({ next, result });
    if (isApplying) return;
    isApplying = true;
    try {
      for (let turn = events.shift(); turn !== undefined; turn = events.shift()) {
        const event = turn.next();
        if (event === undefined) continue;
        for (const effect of transition(state, event, options.now())) perform(effect, turn.result);
      }
    } finally {
      isApplying = false;
    }
  }

  function perform(effect: SchedulerEffect, result: CompileResult | undefined): void {
    switch (effect.kind) {
      case 'assign': {
        const pending = tasks[effect.task];
        // Cancelled by what an earlier effect of the same event caused: the worker never hears of it.
        if (pending?.run === undefined) {
          const { task, worker } = effect;
          apply(() =>
            tasks[task] === pending ? { kind: 'task-ended', task, worker, outcome: { kind: 'lost' } } : undefined,
          );
          return;
        }
        pending.waitedMs = effect.waitedMs;
        assign(effect.task, effect.worker, pending, pending.run);
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
        places[effect.worker]?.port.cancel(tasks[effect.task]?.id ?? '');
        return;
      case 'worker-lost':
        lose(effect.worker);
    }
  }

  function assign(task: number, worker: number, pending: Pending, run: TaskToRun): void {
    const place = places[worker];
    // It has left; that event is still to come, and is the task's end there.
    if (place === undefined) return;
    if (run.direct === undefined) place.port.run(run.task);
    else if (run.direct.granted(place.id)) pending.isGranted = true;
    else {
      const ifStill = (event: SchedulerEvent) => () => (tasks[task] === pending ? event : undefined);
      // Whoever has it already goes on with it. The worker is not blamed for what it never heard of.
      if (!pending.isGranted) {
        pending.run = undefined;
        apply(ifStill({ kind: 'task-cancelled', task }));
      }
      const outcome = { kind: 'declined', reason: 'client-gone', detail: 'no way to it' } as const;
      apply(ifStill({ kind: 'task-ended', task, worker, outcome }));
    }
  }

  function finish(task: number, end: (waitedMs: number) => TaskEnd): void {
    const pending = tasks[task];
    const run = pending?.run;
    if (pending === undefined || run === undefined) return;
    pending.run = undefined;
    run.ended(end(pending.waitedMs));
  }

  function enter(pending: Pending): number {
    const number = reserveTask(state.tasks);
    const before = tasks[number];
    if (before !== undefined) byId.delete(before.id);
    tasks[number] = pending;
    pending.number = number;
    return number;
  }

  const numberOf = (id: string): number => byId.get(id)?.number ?? -1;

  const isUnderWay = (task: number): boolean => hasFlag(state.tasks, task, UNDER_WAY);

  /** A worker comes that is there already. */
  function replace(id: string): void {
    const before = state.workers.get(id)?.number;
    if (before === undefined) return;
    const place = places[before];
    places[before] = undefined;
    place?.port.drop('attached again');
  }

  function lose(worker: number): void {
    const place = places[worker];
    places[worker] = undefined;
    options.log('a worker is lost: no heartbeat', { worker: place?.id });
    place?.port.drop('no heartbeat');
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
    if (!isSpared) apply(() => ({ kind: 'tick' }));
  }, everyMs);
  ticking.unref();

  return {
    submit(run) {
      const { arch, toolchain, pinnedTo, name, task, direct } = run;
      const once = direct !== undefined;
      const pending: Pending = { id: task.taskId, number: -1, run, waitedMs: 0, isGranted: false };
      byId.set(pending.id, pending);
      apply(() => {
        const id = enter(pending);
        return { kind: 'task-submitted', task: { id, client: task.client, arch, toolchain, pinnedTo, name, once } };
      });
    },
    cancel(taskId) {
      const pending = byId.get(taskId);
      if (pending?.run === undefined) return;
      pending.run = undefined;
      apply(() => ({ kind: 'task-cancelled', task: numberOf(taskId) }));
    },
    stopOn(taskId, workerId) {
      const worker = state.workers.get(workerId)?.number;
      if (worker !== undefined) places[worker]?.port.cancel(taskId);
    },
    couldServe: (demand) => couldServe(state, demand),
    toolchainBrought: (toolchain) => apply(() => ({ kind: 'toolchain-brought', toolchain })),
    attach(offer, port) {
      const place: Place = { id: offer.id, port };
      let worker = -1;
      replace(offer.id);
      apply(() => {
        worker = reserveWorker(state.crew);
        places[worker] = place;
        return { kind: 'worker-attached', worker, offer };
      });
      // What an older stream of the same worker says is not heard any more.
      const isCurrent = (): boolean => places[worker] === place;
      const say = (event: () => SchedulerEvent, result?: CompileResult): void =>
        apply(() => (isCurrent() ? event() : undefined), result);
      /** The number of a task that it has. */
      const taskOf = (id: string): number | undefined => {
        const task = numberOf(id);
        return isCurrent() && isUnderWay(task) && hasRun(state.tasks, task, worker) ? task : undefined;
      };
      return {
        toolchainOf(id) {
          const task = taskOf(id);
          return task === undefined ? undefined : demandOf(state, task).toolchain;
        },
        started(id) {
          if (taskOf(id) !== undefined) byId.get(id)?.run?.direct?.started(offer.id);
        },
        heartbeat: () => say(() => ({ kind: 'worker-heartbeat', worker })),
        ended: (id, outcome, result) =>
          say(() => ({ kind: 'task-ended', task: numberOf(id), worker, outcome }), result),
        stopDirect() {
          for (const { id, run } of byId.values())
            if (run?.direct !== undefined && taskOf(id) !== undefined) port.cancel(id);
        },
        draining: () => say(() => ({ kind: 'worker-draining', worker })),
        detach() {
          if (!isCurrent()) return;
          places[worker] = undefined;
          apply(() => ({ kind: 'worker-detached', worker }));
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
      for (const [worker, place] of places.entries()) {
        if (place === undefined) continue;
        place.port.drop('the coordinator stops');
        places[worker] = undefined;
        apply(() => ({ kind: 'worker-detached', worker }));
      }
    },
  };
}
