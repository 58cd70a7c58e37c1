import { durationOf } from './durations.ts';
import type { TaskAsk, TaskRecord } from './model.ts';
import type { SchedulerState } from './state.ts';

const NONE: readonly string[] = [];

/**
 * The record of a new task. With ten thousand workers tasks live long enough for the garbage collector to move each of
 * them twice, which cost as much as deciding about them: so records that are over are used again.
 */
export function newTask(state: SchedulerState, ask: TaskAsk, nowMs: number): TaskRecord {
  state.submissions += 1;
  const task = state.spareTasks.pop() ?? blank(state, ask);
  task.ask = ask;
  task.client = state.queue.enter(ask.client);
  task.submittedMs = nowMs;
  task.number = state.submissions;
  task.known = durationOf(state.durations, ask.name);
  task.workMs = task.known?.workMs ?? 0;
  task.tried = NONE;
  task.isWanted = true;
  return task;
}

function blank(state: SchedulerState, ask: TaskAsk): TaskRecord {
  const client = state.queue.enter(ask.client);
  state.queue.leave(client);
  return {
    ask,
    client,
    submittedMs: 0,
    number: 0,
    known: undefined,
    workMs: 0,
    tried: NONE,
    isWanted: false,
    run: undefined,
    copy: undefined,
    before: undefined,
    after: undefined,
  };
}

/** Nobody waits for a task any more: it is forgotten as soon as no worker has it. */
export function conclude(state: SchedulerState, task: TaskRecord): void {
  task.isWanted = false;
  if (task.run !== undefined || !state.tasks.delete(task.ask.id)) return;
  state.queue.leave(task.client);
  task.known = undefined;
  state.spareTasks.push(task);
}
