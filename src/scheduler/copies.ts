/**
 * Copies of late tasks on idle workers, taken from Google's backup tasks (Dean and Ghemawat, MapReduce, 2004) and judged by
 * the time left, as in LATE (Zaharia et al., Improving MapReduce performance in heterogeneous environments, 2008): a
 * worker that was slow, stalled or died silently does not hold up the end of a build.
 */
import { NOBODY } from './choice.ts';
import { demandOf } from './demands.ts';
import type { Effects } from './effects.ts';
import type { Pool } from './pool.ts';
import { float, int } from './rows.ts';
import { assign } from './runs.ts';
import { queueLength, type SchedulerState } from './state.ts';
import { COPY, startedMs, stoppedMs, WORK_MS } from './tasks.ts';
import { BUSY, heldBy, LAST_SEEN_MS, SPEED } from './workers.ts';

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

/** A task on a worker. */
interface Run {
  readonly task: number;
  readonly worker: number;
}

interface Late {
  readonly run: Run;
  readonly leftMs: number;
}

/** Where nothing waits and slots are free: runs the tasks that would end last a second time, if that could end sooner. */
export function copyLateTasks(state: SchedulerState, nowMs: number, effects: Effects): void {
  if (!state.rules.copies || queueLength(state) > 0) return;
  for (const pool of state.poolList) {
    if (pool.freeClasses === 0) continue;
    for (const { run, leftMs } of lateRuns(state, pool, nowMs)) {
      if (pool.freeClasses === 0) break;
      const worker = state.rules.choose(state, pool, run.task);
      if (worker === NOBODY || isSuspect(state, worker, nowMs)) continue;
      const copyMs = workOf(state, run, nowMs) / speedOf(state, worker);
      if (copyMs > leftMs * WORTHWHILE || leftMs - copyMs < LEAST_GAIN_MS) continue;
      assign(state, run.task, worker, nowMs, effects);
    }
  }
}

/** What could be worth a copy, the last to end first. */
function lateRuns(state: SchedulerState, { inService }: Pool, nowMs: number): readonly Late[] {
  const { crew, tasks } = state;
  const late: Late[] = [];
  let looks = 0;
  for (let i = 0; i < inService.size && looks < MOST_LOOKS; i += 1) {
    const worker = inService.at(i);
    const busy = int(crew.rows, worker, BUSY);
    if (busy === 0) continue;
    looks += busy;
    for (const task of heldBy(crew, worker)) {
      const isAlone = stoppedMs(tasks, task, worker) < 0 && int(tasks.rows, task, COPY) < 0;
      if (!isAlone || demandOf(state, task).pinnedTo !== '') continue;
      const run = { task, worker };
      const leftMs = leftOf(state, run, nowMs);
      if (leftMs > LEAST_GAIN_MS) late.push({ run, leftMs });
    }
  }
  return late.sort((a, b) => b.leftMs - a.leftMs);
}

function speedOf({ crew }: SchedulerState, worker: number): number {
  return float(crew.rows, worker, SPEED);
}

function isSuspect({ options, crew }: SchedulerState, worker: number, nowMs: number): boolean {
  return nowMs - float(crew.rows, worker, LAST_SEEN_MS) > SUSPECT_HEARTBEATS * options.heartbeatMs;
}

/** How much longer a run is expected to take. */
function leftOf(state: SchedulerState, { task, worker }: Run, nowMs: number): number {
  if (isSuspect(state, worker, nowMs)) return NEVER_MS;
  const ageMs = nowMs - startedMs(state.tasks, task, worker);
  const workMs = float(state.tasks.rows, task, WORK_MS);
  const isKnown = workMs > 0;
  const usualMs = (isKnown ? workMs : state.durations.meanMs) / speedOf(state, worker);
  // What is late already will be for as long again: the longer it took, the less is its estimate worth.
  if (ageMs > usualMs * (isKnown ? LATE : LATE_UNKNOWN)) return ageMs;
  return isKnown ? Math.max(usualMs - ageMs, 0) : usualMs;
}

/** What a task takes from its beginning, at speed 1, as far as is known now. */
function workOf(state: SchedulerState, { task, worker }: Run, nowMs: number): number {
  const workMs = float(state.tasks.rows, task, WORK_MS);
  if (workMs > 0) return workMs;
  const { meanMs } = state.durations;
  const doneMs = (nowMs - startedMs(state.tasks, task, worker)) * speedOf(state, worker);
  return doneMs > meanMs * LATE_UNKNOWN ? meanMs : meanMs + doneMs;
}
