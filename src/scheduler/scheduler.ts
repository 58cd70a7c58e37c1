import { declineHopeless, place, serve, tryElsewhere, unqueue } from './attempts.ts';
import { type Health, noteEnd, noteTime } from './circuit.ts';
import { copyLateTasks } from './copies.ts';
import { demandOf } from './demands.ts';
import { noteDuration, UNHEARD } from './durations.ts';
import type { Effects } from './effects.ts';
import type { SchedulerEffect, SchedulerEvent, TaskAsk, TaskOutcome, WorkerOffer } from './model.ts';
import { notePace } from './pace.ts';
import { float, int, setFloat, setInt } from './rows.ts';
import { hasRun, release, stopRuns } from './runs.ts';
import { poolFor, refile, type SchedulerState } from './state.ts';
import { conclude, newTask } from './task-records.ts';
import { hasFlag, NAME, RUN, startedMs, stoppedMs, UNDER_WAY, WANTED, WORK_MS } from './tasks.ts';
import {
  ATTACHED,
  BUSY,
  CLOSED_ENOUGH,
  COMPLETED,
  circuitOf,
  DRAINING,
  dismiss,
  enrol,
  FAILED,
  hasWorkerFlag,
  heldBy,
  LAST_SEEN_MS,
  LATENCY_MS,
  paceOf,
  recordAt,
  SPOTLESS,
  setCircuit,
  setLacks,
  setPace,
  setWorkerFlag,
} from './workers.ts';

/** No task has this number. */
const NO_TASK = -1;
/** After so many silent heartbeats a worker is lost. */
const MISSED_HEARTBEATS = 3;
/** A worker that has not stopped a cancelled task by then never will: its slot is free again, and it counts as failed. */
const CANCEL_MS = 30_000;
/** Weight of the newest latency in the mean. */
const LATENCY_ALPHA = 0.5;
/** Workers remembered that left. */
const REMEMBERED_WORKERS = 10_000;
/** Toolchains remembered as lacking, per worker; asking for one again costs a round trip. */
const REMEMBERED_LACKS = 1000;
/** What a worker may say without it being its fault; any other reason counts as its failure. */
const BLAMELESS: ReadonlySet<string> = new Set([
  'not-acceptable',
  'no-toolchain',
  'no-blob',
  'no-slot',
  'draining',
  'client-gone',
  'timeout',
  'limit',
]);

/**
 * The scheduler: what happens next. Pure but for the state, which is changed in place and belongs to the caller alone.
 * Every submitted task ends exactly once, by `complete`, `decline`, or the caller's own `task-cancelled`.
 * @param nowMs any clock that does not go back, in milliseconds
 */
export function transition(state: SchedulerState, event: SchedulerEvent, nowMs: number): readonly SchedulerEffect[] {
  const { effects } = state;
  switch (event.kind) {
    case 'worker-attached':
      attach(state, event.worker, event.offer, nowMs, effects);
      break;
    case 'worker-heartbeat':
      if (isAttached(state, event.worker)) setFloat(state.crew.rows, event.worker, LAST_SEEN_MS, nowMs);
      break;
    case 'worker-detached':
      detach(state, event.worker, nowMs, effects);
      break;
    case 'worker-draining':
      drain(state, event.worker, effects);
      break;
    case 'task-submitted':
      submit(state, event.task, nowMs, effects);
      break;
    case 'task-ended':
      end(state, event.task, event.worker, event.outcome, nowMs, effects);
      break;
    case 'task-cancelled':
      cancel(state, event.task, nowMs, effects);
      break;
    case 'toolchain-brought':
      forgetLack(state, event.toolchain, nowMs, effects);
      break;
    case 'tick':
      tick(state, nowMs, effects);
  }
  return effects.take();
}

// Workers

/** False as well for numbers that were never given to anybody. */
function isAttached({ crew }: SchedulerState, worker: number): boolean {
  return worker >= 0 && worker < crew.rows.used && hasWorkerFlag(crew, worker, ATTACHED);
}

function attach(state: SchedulerState, worker: number, offer: WorkerOffer, nowMs: number, effects: Effects): void {
  const before = state.workers.get(offer.id);
  if (before !== undefined) detach(state, before.number, nowMs, effects);
  const { crew } = state;
  enrol(crew, worker, offer, poolFor(state, offer.arch).number, state.departed.get(offer.id), nowMs);
  state.departed.delete(offer.id);
  state.workers.set(offer.id, recordAt(crew, worker));
  letTimePass(state, worker, nowMs);
  refile(state, worker);
  serve(state, worker, nowMs, effects);
}

function detach(state: SchedulerState, worker: number, nowMs: number, effects: Effects): void {
  if (!isAttached(state, worker)) return;
  const { crew, tasks } = state;
  const { id } = recordAt(crew, worker).offer;
  state.workers.delete(id);
  setWorkerFlag(crew, worker, ATTACHED, false);
  remember(state, worker, nowMs);
  const had = heldBy(crew, worker);
  for (const task of had) release(state, task, worker);
  refile(state, worker);
  for (const task of had) {
    if (!hasFlag(tasks, task, WANTED)) conclude(state, task);
    else tryElsewhere(state, task, worker, { reason: 'worker-lost', detail: id }, nowMs, effects);
  }
  dismiss(crew, worker);
  declineHopeless(state, effects);
}

/** Leaving with tasks is one failure, however many they were: a torn cable is no proof of a broken machine. */
function remember(state: SchedulerState, worker: number, nowMs: number): void {
  const { circuit, offer, busy } = recordAt(state.crew, worker);
  const pace = paceOf(state.crew, worker);
  if (busy > 0) noteEnd(circuit, circuit.trial ?? NO_TASK, 'bad', nowMs);
  const isAsNew = circuit.phase === 'closed' && circuit.known === 0;
  if (isAsNew && pace.timeMs === 0) return;
  state.departed.set(offer.id, { circuit, pace });
  const [oldest] = state.departed.keys();
  if (state.departed.size > REMEMBERED_WORKERS && oldest !== undefined) state.departed.delete(oldest);
}

function drain(state: SchedulerState, worker: number, effects: Effects): void {
  const { crew } = state;
  if (!isAttached(state, worker) || hasWorkerFlag(crew, worker, DRAINING)) return;
  setWorkerFlag(crew, worker, DRAINING, true);
  refile(state, worker);
  declineHopeless(state, effects);
}

/** Who lacked it may take what waits for it with others. */
function forgetLack(state: SchedulerState, toolchain: string, nowMs: number, effects: Effects): void {
  for (const record of state.workers.values()) {
    if (!record.lacks.has(toolchain)) continue;
    setLacks(
      state.crew,
      record.number,
      [...record.lacks].filter((other) => other !== toolchain),
    );
    serve(state, record.number, nowMs, effects);
  }
}

// Tasks

function submit(state: SchedulerState, ask: TaskAsk, nowMs: number, effects: Effects): void {
  place(state, newTask(state, ask, nowMs), nowMs, effects);
}

function cancel(state: SchedulerState, task: number, nowMs: number, effects: Effects): void {
  const { tasks } = state;
  if (!hasFlag(tasks, task, WANTED)) return;
  if (int(tasks.rows, task, RUN) < 0) unqueue(state, task);
  stopRuns(state, task, nowMs, effects);
  conclude(state, task);
}

/** Only a worker that has the task can end it: whatever a worker says of other tasks is ignored. */
function end(
  state: SchedulerState,
  task: number,
  worker: number,
  outcome: TaskOutcome,
  nowMs: number,
  effects: Effects,
): void {
  const { tasks, crew } = state;
  if (!hasFlag(tasks, task, UNDER_WAY) || !hasRun(tasks, task, worker)) return;
  setFloat(crew.rows, worker, LAST_SEEN_MS, nowMs);
  const isWanted = hasFlag(tasks, task, WANTED);
  if (isWanted && outcome.kind === 'ok') learn(state, task, worker, outcome.latencyMs, nowMs);
  settle(state, task, worker, !isWanted && outcome.kind !== 'ok' ? 'neither' : healthOf(outcome), nowMs);
  if (!isWanted) conclude(state, task);
  else if (outcome.kind === 'ok') {
    setInt(crew.rows, worker, COMPLETED, int(crew.rows, worker, COMPLETED) + 1);
    stopRuns(state, task, nowMs, effects);
    conclude(state, task);
    effects.push({ kind: 'complete', task, worker });
  } else elsewhere(state, task, worker, outcome, nowMs, effects);
  if (!hasWorkerFlag(crew, worker, CLOSED_ENOUGH)) declineHopeless(state, effects);
  serve(state, worker, nowMs, effects);
}

/** How long the task and tasks like it take, and how fast the worker is. */
function learn(state: SchedulerState, task: number, worker: number, latencyMs: number, nowMs: number): void {
  const { tasks, crew, durations } = state;
  noteLatency(state, worker, latencyMs);
  const pace = paceOf(crew, worker);
  const tookMs = Math.max(1, nowMs - startedMs(tasks, task, worker));
  const name = int(tasks.rows, task, NAME);
  noteDuration(durations, name === UNHEARD ? (tasks.names[task] ?? '') : '', name, tookMs, pace.speed);
  const workMs = float(tasks.rows, task, WORK_MS);
  notePace(pace, workMs === 0 ? durations.meanMs : workMs, tookMs, durations.meanMs);
  setPace(crew, worker, pace);
}

function elsewhere(
  state: SchedulerState,
  task: number,
  worker: number,
  outcome: Exclude<TaskOutcome, { kind: 'ok' }>,
  nowMs: number,
  effects: Effects,
): void {
  const { crew } = state;
  setInt(crew.rows, worker, FAILED, int(crew.rows, worker, FAILED) + 1);
  const { offer } = recordAt(crew, worker);
  const why = outcome.kind === 'lost' ? { reason: 'worker-lost', detail: offer.id } : outcome;
  if (why.reason === 'no-toolchain') noteLack(state, worker, demandOf(state, task).toolchain);
  tryElsewhere(state, task, worker, why, nowMs, effects);
  if (why.reason === 'no-toolchain') declineHopeless(state, effects);
}

function noteLack({ crew }: SchedulerState, worker: number, toolchain: string): void {
  const { lacks } = recordAt(crew, worker);
  setLacks(crew, worker, lacks.size >= REMEMBERED_LACKS ? [toolchain] : [...lacks, toolchain]);
}

function healthOf(outcome: TaskOutcome): Health {
  if (outcome.kind === 'ok') return 'good';
  return outcome.kind === 'declined' && BLAMELESS.has(outcome.reason) ? 'neither' : 'bad';
}

function noteLatency({ crew: { rows } }: SchedulerState, worker: number, latencyMs: number): void {
  const latest = Number.isFinite(latencyMs) ? Math.max(0, latencyMs) : 0;
  const isFirst = int(rows, worker, COMPLETED) === 0;
  const before = float(rows, worker, LATENCY_MS);
  setFloat(rows, worker, LATENCY_MS, isFirst ? latest : before * (1 - LATENCY_ALPHA) + latest * LATENCY_ALPHA);
}

/** A worker has a task no more. */
function settle(state: SchedulerState, task: number, worker: number, health: Health, nowMs: number): void {
  const { crew } = state;
  if (health !== 'good' || !hasWorkerFlag(crew, worker, SPOTLESS)) {
    const circuit = circuitOf(crew, worker);
    noteEnd(circuit, task, health, nowMs);
    setCircuit(crew, worker, circuit);
  }
  release(state, task, worker);
}

// Time

function tick(state: SchedulerState, nowMs: number, effects: Effects): void {
  const { crew, workers } = state;
  const silent = nowMs - MISSED_HEARTBEATS * state.options.heartbeatMs;
  const lost = [...workers.values()]
    .map(({ number }) => number)
    .filter((worker) => float(crew.rows, worker, LAST_SEEN_MS) <= silent);
  // All of them leave service before any task of theirs looks for another worker: not from one lost one to the next.
  for (const worker of lost) {
    setWorkerFlag(crew, worker, DRAINING, true);
    refile(state, worker);
  }
  for (const worker of lost) {
    effects.push({ kind: 'worker-lost', worker });
    detach(state, worker, nowMs, effects);
  }
  for (const { number } of workers.values()) {
    const reopened = letTimePass(state, number, nowMs);
    if (dropUnstopped(state, number, nowMs) || reopened) {
      refile(state, number);
      if (!hasWorkerFlag(crew, number, CLOSED_ENOUGH)) declineHopeless(state, effects);
      serve(state, number, nowMs, effects);
    }
  }
  copyLateTasks(state, nowMs, effects);
}

/** True if a breaker that was open lets a trial through from now on. */
function letTimePass({ crew }: SchedulerState, worker: number, nowMs: number): boolean {
  if (hasWorkerFlag(crew, worker, CLOSED_ENOUGH)) return false;
  const circuit = circuitOf(crew, worker);
  const reopened = noteTime(circuit, nowMs);
  setCircuit(crew, worker, circuit);
  return reopened;
}

/** Slots whose task the worker was told to stop long ago are free. */
function dropUnstopped(state: SchedulerState, worker: number, nowMs: number): boolean {
  const { crew, tasks } = state;
  if (int(crew.rows, worker, BUSY) === 0) return false;
  const dropped = heldBy(crew, worker).filter((task) => {
    const toldMs = stoppedMs(tasks, task, worker);
    return toldMs >= 0 && nowMs - toldMs >= CANCEL_MS;
  });
  for (const task of dropped) {
    settle(state, task, worker, 'bad', nowMs);
    conclude(state, task);
  }
  return dropped.length > 0;
}
