import { addDemand, demandOf, findDemand, leaveDemand } from './demands.ts';
import { durationClass, numberOf, UNHEARD, workOf } from './durations.ts';
import type { TaskAsk } from './model.ts';
import { int, setFloat, setInt } from './rows.ts';
import { poolFor, type SchedulerState } from './state.ts';
import {
  AFTER,
  BEFORE,
  CLASS,
  CLIENT,
  COPY,
  DEMAND,
  forgetTask,
  hasFlag,
  NAME,
  NUMBER,
  ONCE,
  RUN,
  SUBMITTED_MS,
  setFlag,
  TASK_FLAGS,
  UNDER_WAY,
  WANTED,
  WORK_MS,
} from './tasks.ts';

/** Fills the row of a new task. Throws where its number is that of a task under way, or was never given out. */
export function newTask(state: SchedulerState, ask: TaskAsk, nowMs: number): number {
  const { tasks, durations } = state;
  const { rows } = tasks;
  const task = ask.id;
  if (task < 0 || task >= rows.used) throw new Error(`nobody was given the number ${task}`);
  if (hasFlag(tasks, task, UNDER_WAY)) throw new Error(`task ${task} was submitted twice`);
  state.submissions += 1;
  tasks.size += 1;
  const name = numberOf(durations, ask.name);
  if (name === UNHEARD) tasks.names[task] = ask.name;
  const workMs = name === UNHEARD ? 0 : workOf(durations, name);
  setInt(rows, task, TASK_FLAGS, UNDER_WAY | WANTED | (ask.once === true ? ONCE : 0));
  setInt(rows, task, CLIENT, state.queue.enter(ask.client));
  setInt(rows, task, DEMAND, enterDemand(state, ask));
  setInt(rows, task, BEFORE, -1);
  setInt(rows, task, AFTER, -1);
  setInt(rows, task, RUN, -1);
  setInt(rows, task, COPY, -1);
  setInt(rows, task, NAME, name);
  setInt(rows, task, CLASS, durationClass(workMs));
  setFloat(rows, task, SUBMITTED_MS, nowMs);
  setFloat(rows, task, WORK_MS, workMs);
  setInt(rows, task, NUMBER, state.submissions);
  return task;
}

function enterDemand(state: SchedulerState, ask: TaskAsk): number {
  const { demands } = state;
  const demand = findDemand(demands, ask) ?? addDemand(demands, ask, poolFor(state, ask.arch).number);
  demand.open += 1;
  return demand.number;
}

/** Nobody waits for a task any more: it is forgotten as soon as no worker has it. */
export function conclude(state: SchedulerState, task: number): void {
  const { tasks, queue, demands } = state;
  setFlag(tasks, task, WANTED, false);
  if (int(tasks.rows, task, RUN) >= 0 || !hasFlag(tasks, task, UNDER_WAY)) return;
  queue.leave(int(tasks.rows, task, CLIENT));
  leaveDemand(demands, demandOf(state, task));
  forgetTask(tasks, task);
}
