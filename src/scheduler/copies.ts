/**
 * Copies of late tasks on idle workers, taken from Google's backup tasks (Dean and Ghemawat, MapReduce, 2004) and judged by
 * the time left, as in LATE (Zaharia et al., Improving MapReduce performance in heterogeneous environments, 2008): a
 * worker that was slow, stalled or died silently does not hold up the end of a build.
 */
import type { SchedulerEffect, Slot, TaskRecord, WorkerRecord } from './model.ts';
import type { Pool } from './pool.ts';
import { assign, takenSlots } from './runs.ts';
import { queueLength, type SchedulerState } from './state.ts';

/** A copy has to take at most this part of what the first run is expected to need still, */
const WORTHWHILE = 0.75;
/** and to save so much. */
const LEAST_GAIN_MS = 100;
/** Past so many times the expected duration nothing is believed of it any more. */
const LATE = 1.5;
/** The same where no duration is known, only that of a mean task. */
const LATE_UNKNOWN = 5;
/** So many silent heartbeats make a worker suspect, long before it counts as lost. */
const SUSPECT_HEARTBEATS = 1.5;
/** What such a worker still needs. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** Runs looked at in one tick. */
const MOST_LOOKS = 10_000;

interface Late {
  readonly task: TaskRecord;
  readonly run: Slot;
  readonly leftMs: number;
}

/** Where nothing waits and slots are free: runs the tasks that would end last a second time, if that could end sooner. */
export function copyLateTasks(state: SchedulerState, nowMs: number, effects: SchedulerEffect[]): void {
  if (!state.rules.copies || queueLength(state) > 0) return;
  for (const pool of state.pools.values()) {
    if (pool.freeClasses === 0) continue;
    for (const { task, run, leftMs } of lateRuns(state, pool, nowMs)) {
      if (pool.freeClasses === 0) break;
      const worker = state.rules.choose(pool, task, state.random);
      if (worker === undefined || isSuspect(state, worker, nowMs)) continue;
      const copyMs = workOf(state, task, run, nowMs) / worker.pace.speed;
      if (copyMs > leftMs * WORTHWHILE || leftMs - copyMs < LEAST_GAIN_MS) continue;
      assign(state, task, worker, nowMs, effects);
    }
  }
}

/** What could be worth a copy, the last to end first. */
function lateRuns(state: SchedulerState, { inService }: Pool, nowMs: number): readonly Late[] {
  const late: Late[] = [];
  let looks = 0;
  for (let i = 0; i < inService.size && looks < MOST_LOOKS; i += 1) {
    const worker = inService.at(i);
    if (worker === undefined || worker.busy === 0) continue;
    looks += worker.busy;
    for (const run of takenSlots(worker)) {
      const { task } = run;
      if (task === undefined || run.cancelledMs >= 0 || task.copy !== undefined || task.ask.pinnedTo !== '') continue;
      const leftMs = leftOf(state, task, run, nowMs);
      if (leftMs > LEAST_GAIN_MS) late.push({ task, run, leftMs });
    }
  }
  return late.sort((a, b) => b.leftMs - a.leftMs);
}

function isSuspect({ options }: SchedulerState, { lastSeenMs }: WorkerRecord, nowMs: number): boolean {
  return nowMs - lastSeenMs > SUSPECT_HEARTBEATS * options.heartbeatMs;
}

/** How much longer a run is expected to take. */
function leftOf(state: SchedulerState, task: TaskRecord, { worker, startedMs }: Slot, nowMs: number): number {
  if (isSuspect(state, worker, nowMs)) return NEVER_MS;
  const ageMs = nowMs - startedMs;
  const isKnown = task.workMs > 0;
  const usualMs = (isKnown ? task.workMs : state.durations.meanMs) / worker.pace.speed;
  // What is late already will be for as long again: the longer it took, the less is its estimate worth.
  if (ageMs > usualMs * (isKnown ? LATE : LATE_UNKNOWN)) return ageMs;
  return isKnown ? Math.max(usualMs - ageMs, 0) : usualMs;
}

/** What a task takes from its beginning, at speed 1, as far as is known now. */
function workOf({ durations }: SchedulerState, task: TaskRecord, { worker, startedMs }: Slot, nowMs: number): number {
  if (task.workMs > 0) return task.workMs;
  const ageMs = nowMs - startedMs;
  const isLate = ageMs * worker.pace.speed > durations.meanMs * LATE_UNKNOWN;
  return isLate ? durations.meanMs : durations.meanMs + ageMs * worker.pace.speed;
}
