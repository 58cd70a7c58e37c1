import { noteStart } from './circuit.ts';
import type { RunRecord, SchedulerEffect, TaskRecord, WorkerRecord } from './model.ts';
import { refile, type SchedulerState } from './state.ts';

/** Gives a task to a worker, beside the one that has it already where there is one. */
export function assign(
  state: SchedulerState,
  task: TaskRecord,
  worker: WorkerRecord,
  nowMs: number,
  effects: SchedulerEffect[],
): void {
  const run: RunRecord = { task, worker, startedMs: nowMs, cancelledMs: -1, place: worker.runs.length };
  if (task.run === undefined) task.run = run;
  else task.copy = run;
  worker.runs.push(run);
  noteStart(worker.circuit, task.ask.id);
  state.queue.noteStart(task.client);
  refile(worker);
  const waitedMs = Math.max(0, (task.run?.startedMs ?? nowMs) - task.submittedMs);
  effects.push({ kind: 'assign', task: task.ask.id, worker: worker.offer.id, waitedMs });
}

/** Frees the slot of a run. */
export function release(state: SchedulerState, run: RunRecord): void {
  const { task, worker, place } = run;
  const last = worker.runs.pop() as RunRecord;
  if (last !== run) {
    worker.runs[place] = last;
    last.place = place;
  }
  if (task.run === run) task.run = task.copy;
  task.copy = undefined;
  state.queue.noteEnd(task.client);
  refile(worker);
}

/** The worker shall stop; its slot is taken until it says that it did. */
export function stopRun(run: RunRecord, nowMs: number, effects: SchedulerEffect[]): void {
  if (run.cancelledMs >= 0) return;
  run.cancelledMs = nowMs;
  effects.push({ kind: 'cancel', task: run.task.ask.id, worker: run.worker.offer.id });
}

/** Where a worker has a task. */
export function runOn(task: TaskRecord, worker: string): RunRecord | undefined {
  if (task.run?.worker.offer.id === worker) return task.run;
  return task.copy?.worker.offer.id === worker ? task.copy : undefined;
}

/** Nobody waits for a task any more: it is forgotten as soon as no worker has it. */
export function conclude(state: SchedulerState, task: TaskRecord): void {
  task.isWanted = false;
  if (task.run !== undefined || !state.tasks.delete(task.ask.id)) return;
  state.queue.leave(task.client);
}
