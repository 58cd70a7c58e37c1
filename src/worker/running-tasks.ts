import { digestToWire } from '../contract/digests.ts';
import type { Task, TaskEnded } from '../contract/generated/hybridgrid/v1/build.ts';
import type { TaskOutcome } from './run-task.ts';

/** The tasks of one stream. */
export interface RunningTasks {
  start(task: Task): void;
  /** Takes a slot for a task whose work somebody else does; why not, where it cannot be had. */
  reserve(taskId: string): Reserved | Refused;
  /** Kills a task whole; its end is told as any other. False where there is no such task. */
  cancel(taskId: string): boolean;
  /** Kills all, and resolves when nothing of them is left. */
  abandon(): Promise<void>;
  /** How many are at work. */
  count(): number;
  /** Resolves when none is at work. */
  idle(): Promise<void>;
}

/** A slot that is taken. */
export interface Reserved {
  readonly kind: 'reserved';
  /** Aborted when the task is to be killed. */
  readonly signal: AbortSignal;
  /** Kills it. */
  stop(): void;
  /** Frees the slot and tells how it ended. To be called once. */
  end(outcome: TaskOutcome): void;
}

export type Refused = Extract<TaskOutcome, { kind: 'declined' }>;

export interface RunningTasksOptions {
  readonly slots: number;
  /** No more tasks are taken. */
  readonly draining: () => boolean;
  readonly run: (task: Task, signal: AbortSignal) => Promise<TaskOutcome>;
  readonly ended: (message: TaskEnded) => void;
  /** A bug of ours: the task is declined, and this is what was thrown. */
  readonly failed: (error: unknown) => void;
}

export const declined = (reason: string, detail: string): Refused => ({
  kind: 'declined',
  reason,
  detail,
  missing: [],
});

/** How a task ended, as the coordinator and clients are told. */
export function onWire(outcome: TaskOutcome): NonNullable<TaskEnded['outcome']> {
  if (outcome.kind === 'result') return { $case: 'result', value: outcome.result };
  const { reason, detail, missing } = outcome;
  return { $case: 'declined', value: { reason, detail, missing: missing.map(digestToWire) } };
}

export function runningTasks(options: RunningTasksOptions): RunningTasks {
  const running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();
  const tell = (taskId: string, outcome: TaskOutcome): void => options.ended({ taskId, outcome: onWire(outcome) });
  /** One that is being killed leaves its slot to the next. */
  const taken = (): number => [...running.values()].filter(({ stop }) => !stop.signal.aborted).length;
  const reserve = (taskId: string): Reserved | Refused => {
    if (options.draining()) return declined('no-slot', 'draining');
    if (taken() >= options.slots) return declined('no-slot', `${options.slots} slots`);
    const stop = new AbortController();
    let isDone = (): void => {};
    const done = new Promise<void>((resolve) => {
      isDone = resolve;
    });
    running.set(taskId, { stop, done });
    const end = (outcome: TaskOutcome): void => {
      running.delete(taskId);
      tell(taskId, outcome);
      isDone();
    };
    return { kind: 'reserved', signal: stop.signal, stop: () => stop.abort(), end };
  };
  const work = async (task: Task, { signal, end }: Reserved): Promise<void> => {
    const outcome = await options.run(task, signal).catch((error: unknown) => {
      options.failed(error);
      return declined('internal', 'a fault of the worker');
    });
    end(signal.aborted ? declined('internal', 'cancelled') : outcome);
  };
  const idle = async (): Promise<void> => {
    while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done));
  };
  return {
    start(task) {
      if (running.has(task.taskId)) return; // Said twice.
      const slot = reserve(task.taskId);
      if (slot.kind === 'declined') tell(task.taskId, slot);
      else void work(task, slot);
    },
    reserve,
    cancel(taskId) {
      const task = running.get(taskId);
      task?.stop.abort();
      return task !== undefined;
    },
    async abandon() {
      for (const { stop } of running.values()) stop.abort();
      await idle();
    },
    count: () => running.size,
    idle,
  };
}
