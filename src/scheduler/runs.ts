import { noteStart } from './circuit.ts';
import type { Effects } from './effects.ts';
import { float, int } from './rows.ts';
import { refile, type SchedulerState } from './state.ts';
import {
  CLIENT,
  COPY,
  dropRun,
  noteRun,
  noteStopped,
  RUN,
  RUN_STARTED_MS,
  SUBMITTED_MS,
  stoppedMs,
  type Tasks,
} from './tasks.ts';
import { circuitOf, hasWorkerFlag, hold, letGo, SPOTLESS, setCircuit } from './workers.ts';

/** Gives a task to a worker, beside the one that has it already where there is one. */
export function assign(state: SchedulerState, task: number, worker: number, nowMs: number, effects: Effects): void {
  const { tasks, crew } = state;
  hold(crew, worker, task);
  noteRun(tasks, task, worker, nowMs);
  if (!hasWorkerFlag(crew, worker, SPOTLESS)) {
    const circuit = circuitOf(crew, worker);
    noteStart(circuit, task);
    setCircuit(crew, worker, circuit);
  }
  state.queue.noteStart(int(tasks.rows, task, CLIENT));
  refile(state, worker);
  const waitedMs = Math.max(0, float(tasks.rows, task, RUN_STARTED_MS) - float(tasks.rows, task, SUBMITTED_MS));
  effects.push({ kind: 'assign', task, worker, waitedMs });
}

/** Frees the slot of a worker that a task has. */
export function release(state: SchedulerState, task: number, worker: number): void {
  const { tasks, crew } = state;
  letGo(crew, worker, task);
  dropRun(tasks, task, worker);
  state.queue.noteEnd(int(tasks.rows, task, CLIENT));
  refile(state, worker);
}

/** All workers that have the task shall stop; their slots are taken until they say that they did. */
export function stopRuns({ tasks }: SchedulerState, task: number, nowMs: number, effects: Effects): void {
  if (int(tasks.rows, task, RUN) < 0) return;
  for (const worker of [int(tasks.rows, task, RUN), int(tasks.rows, task, COPY)]) {
    if (worker < 0 || stoppedMs(tasks, task, worker) >= 0) continue;
    noteStopped(tasks, task, worker, nowMs);
    effects.push({ kind: 'cancel', task, worker });
  }
}

/** Whether a worker has a task. */
export function hasRun({ rows }: Tasks, task: number, worker: number): boolean {
  return worker >= 0 && (int(rows, task, RUN) === worker || int(rows, task, COPY) === worker);
}
