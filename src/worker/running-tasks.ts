import { digestToWire } from '../contract/digests.ts';
import type { Task, TaskEnded } from '../contract/generated/hybridgrid/v1/build.ts';
import type { TaskOutcome } from './run-task.ts';

/** The tasks of one stream. */
export interface RunningTasks {
  start(task: Task): void;
  /** Kills a task whole; its end is told as any other. */
  cancel(taskId: string): void;
  /** Kills all, and resolves when nothing of them is left. */
  abandon(): Promise<void>;
  /** How many are at work. */
  count(): number;
  /** Resolves when none is at work. */
  idle(): Promise<void>;
}

export interface RunningTasksOptions {
  readonly slots: number;
  /** No more tasks are taken. */
  readonly draining: () => boolean;
  readonly run: (task: Task, signal: AbortSignal) => Promise<TaskOutcome>;
  readonly ended: (message: TaskEnded) => void;
  /** A bug of ours: the task is declined, and this is what was thrown. */
  readonly failed: (error: unknown) => void;
}

const declined = (reason: string, detail: string): TaskOutcome => ({ kind: 'declined', reason, detail, missing: [] });

export function runningTasks(options: RunningTasksOptions): RunningTasks {
  const running = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();
  const tell = (taskId: string, outcome: TaskOutcome): void => {
    const told: TaskEnded['outcome'] =
      outcome.kind === 'result'
        ? { $case: 'result', value: outcome.result }
        : { $case: 'declined', value: { ...outcome, missing: outcome.missing.map(digestToWire) } };
    options.ended({ taskId, outcome: told });
  };
  const work = async (task: Task, signal: AbortSignal): Promise<void> => {
    const outcome = await options.run(task, signal).catch((error: unknown) => {
      options.failed(error);
      return declined('internal', 'a fault of the worker');
    });
    running.delete(task.taskId);
    tell(task.taskId, signal.aborted ? declined('internal', 'cancelled') : outcome);
  };
  /** One that is being killed leaves its slot to the next. */
  const taken = (): number => [...running.values()].filter(({ stop }) => !stop.signal.aborted).length;
  const idle = async (): Promise<void> => {
    while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done));
  };
  return {
    start(task) {
      if (running.has(task.taskId)) return; // Said twice.
      if (options.draining()) return tell(task.taskId, declined('no-slot', 'draining'));
      if (taken() >= options.slots) return tell(task.taskId, declined('no-slot', `${options.slots} slots`));
      const stop = new AbortController();
      running.set(task.taskId, { stop, done: Promise.resolve() });
      running.set(task.taskId, { stop, done: work(task, stop.signal) });
    },
    cancel: (taskId) => running.get(taskId)?.stop.abort(),
    async abandon() {
      for (const { stop } of running.values()) stop.abort();
      await idle();
    },
    count: () => running.size,
    idle,
  };
}
