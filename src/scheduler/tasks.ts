import { dropRow, float, int, newRows, type Rows, setFloat, setInt, takeRow } from './rows.ts';

/**
 * Tasks from their submission until no worker has them any more. A task's number is that of its row, and is given to
 * another task afterwards.
 */
export interface Tasks {
  readonly rows: Rows;
  /** What is rarely asked for, by the same numbers. */
  readonly late: Rows;
  /** Names by the same numbers, where nothing was known of them at the submission. */
  readonly names: (string | undefined)[];
  /** Ids of the workers that declined a task or were lost with it. */
  readonly tried: Map<number, readonly string[]>;
  /** How many are under way. */
  size: number;
}

/** Whole numbers of a task's row. */
export const TASK_FLAGS = 0;
export const CLIENT = 1;
export const DEMAND = 2;
/** Neighbours in the queue it waits in; -1: none. */
export const BEFORE = 3;
export const AFTER = 4;
/** The worker that has it, -1 while it waits; and one that has it as well, never without the first. */
export const RUN = 5;
export const COPY = 6;
/** Of its duration; and the number of its name among the durations. */
export const CLASS = 7;
export const NAME = 8;
/** Grows with every submission, past the largest number to the smallest: {@link isEarlier} says who came first. */
export const NUMBER = 9;
/** Fractions of a task's row: times in milliseconds. */
export const SUBMITTED_MS = 5;
export const RUN_STARTED_MS = 6;
/** What it will take on a worker of speed 1, by what was known when it was submitted; 0: unknown. */
export const WORK_MS = 7;
/** Fractions of its row in `late`. Workers were told to stop it then, where {@link RUN_STOPPED} and so on are set. */
export const RUN_STOPPED_MS = 0;
export const COPY_STOPPED_MS = 1;
export const COPY_STARTED_MS = 2;

/** Bits of {@link TASK_FLAGS}. */
export const UNDER_WAY = 1;
/** Somebody waits for its end. */
export const WANTED = 2;
export const RUN_STOPPED = 4;
export const COPY_STOPPED = 8;
export const TRIED = 16;
/** What ends without a result is not tried again. */
export const ONCE = 32;

const ROW = 4;
const LATE_ROW = 3;

export function newTasks(): Tasks {
  return { rows: newRows(ROW), late: newRows(LATE_ROW), names: [], tried: new Map(), size: 0 };
}

/** The number of a task that is to be submitted: it is nobody else's until the task is over. */
export function reserveTask({ rows, late, names }: Tasks): number {
  const task = takeRow(rows);
  setInt(rows, task, TASK_FLAGS, 0);
  if (task === late.used) {
    takeRow(late);
    names.push(undefined);
  }
  return task;
}

/** A task is over: its number may be another's. */
export function forgetTask(tasks: Tasks, task: number): void {
  if (hasFlag(tasks, task, TRIED)) tasks.tried.delete(task);
  setInt(tasks.rows, task, TASK_FLAGS, 0);
  tasks.size -= 1;
  dropRow(tasks.rows, task);
}

/** Of two submissions, whose numbers may have passed the largest in between. */
export const isEarlier = (one: number, other: number): boolean => ((one - other) | 0) < 0;

/** False as well for numbers that were never given to anybody. */
export function hasFlag({ rows }: Tasks, task: number, flag: number): boolean {
  return task >= 0 && task < rows.used && (int(rows, task, TASK_FLAGS) & flag) !== 0;
}

export function setFlag({ rows }: Tasks, task: number, flag: number, isSet: boolean): void {
  const flags = int(rows, task, TASK_FLAGS);
  setInt(rows, task, TASK_FLAGS, isSet ? flags | flag : flags & ~flag);
}

/** When a worker was told to stop the task, in milliseconds; -1: it was not. */
export function stoppedMs(tasks: Tasks, task: number, worker: number): number {
  const isRun = int(tasks.rows, task, RUN) === worker;
  if (!hasFlag(tasks, task, isRun ? RUN_STOPPED : COPY_STOPPED)) return -1;
  return float(tasks.late, task, isRun ? RUN_STOPPED_MS : COPY_STOPPED_MS);
}

/** When a worker got the task. */
export function startedMs(tasks: Tasks, task: number, worker: number): number {
  const isRun = int(tasks.rows, task, RUN) === worker;
  return isRun ? float(tasks.rows, task, RUN_STARTED_MS) : float(tasks.late, task, COPY_STARTED_MS);
}

/** A worker gets the task, beside the one that has it already where there is one. */
export function noteRun(tasks: Tasks, task: number, worker: number, nowMs: number): void {
  const isRun = int(tasks.rows, task, RUN) < 0;
  setInt(tasks.rows, task, isRun ? RUN : COPY, worker);
  if (isRun) setFloat(tasks.rows, task, RUN_STARTED_MS, nowMs);
  else setFloat(tasks.late, task, COPY_STARTED_MS, nowMs);
}

export function noteStopped(tasks: Tasks, task: number, worker: number, nowMs: number): void {
  const isRun = int(tasks.rows, task, RUN) === worker;
  setFlag(tasks, task, isRun ? RUN_STOPPED : COPY_STOPPED, true);
  setFloat(tasks.late, task, isRun ? RUN_STOPPED_MS : COPY_STOPPED_MS, nowMs);
}

/** A worker has the task no more; where another has it, that is from now on the one that does. */
export function dropRun(tasks: Tasks, task: number, worker: number): void {
  const { rows, late } = tasks;
  const copy = int(rows, task, COPY);
  if (int(rows, task, RUN) === worker) {
    setInt(rows, task, RUN, copy);
    setFlag(tasks, task, RUN_STOPPED, hasFlag(tasks, task, COPY_STOPPED));
    if (copy >= 0) {
      setFloat(rows, task, RUN_STARTED_MS, float(late, task, COPY_STARTED_MS));
      setFloat(late, task, RUN_STOPPED_MS, float(late, task, COPY_STOPPED_MS));
    }
  }
  setInt(rows, task, COPY, -1);
  setFlag(tasks, task, COPY_STOPPED, false);
}
