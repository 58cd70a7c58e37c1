import { declineHopeless, place, serve, tryElsewhere, unqueue } from './attempts.ts';
import { type Health, newCircuit, noteEnd, noteTime } from './circuit.ts';
import { copyLateTasks } from './copies.ts';
import { noteDuration } from './durations.ts';
import type {
  SchedulerEffect,
  SchedulerEvent,
  Slot,
  TaskAsk,
  TaskOutcome,
  TaskRecord,
  WorkerOffer,
  WorkerRecord,
} from './model.ts';
import { newPace, notePace } from './pace.ts';
import { release, runOn, stopRun, takenSlots } from './runs.ts';
import { poolFor, refile, type SchedulerState } from './state.ts';
import { conclude, newTask } from './task-records.ts';

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
/** Shared by all workers that lack nothing: of thousands of empty sets each would be a miss of the processor's cache. */
const NOTHING: ReadonlySet<string> = new Set();
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
  const effects: SchedulerEffect[] = [];
  switch (event.kind) {
    case 'worker-attached':
      attach(state, event.worker, nowMs, effects);
      break;
    case 'worker-heartbeat': {
      const worker = state.workers.get(event.worker);
      if (worker !== undefined) worker.lastSeenMs = nowMs;
      break;
    }
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
  return effects;
}

// Workers

function attach(state: SchedulerState, offer: WorkerOffer, nowMs: number, effects: SchedulerEffect[]): void {
  detach(state, offer.id, nowMs, effects);
  const worker = newWorker(state, offer, nowMs);
  state.departed.delete(offer.id);
  state.workers.set(offer.id, worker);
  noteTime(worker.circuit, nowMs);
  refile(worker);
  serve(state, worker, nowMs, effects);
}

function newWorker(state: SchedulerState, offer: WorkerOffer, nowMs: number): WorkerRecord {
  const known = state.departed.get(offer.id);
  return {
    offer,
    pool: poolFor(state, offer.arch),
    slots: [],
    busy: 0,
    circuit: known?.circuit ?? newCircuit(),
    pace: known?.pace ?? newPace(),
    lacks: NOTHING,
    latencyMs: 0,
    lastSeenMs: nowMs,
    attached: true,
    draining: false,
    completed: 0,
    failed: 0,
    serviceAt: -1,
    freeAt: -1,
    freeClass: 0,
  };
}

function detach(state: SchedulerState, id: string, nowMs: number, effects: SchedulerEffect[]): void {
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  state.workers.delete(id);
  worker.attached = false;
  remember(state, worker, nowMs);
  const tasks = takenSlots(worker).map((slot) => release(state, slot));
  refile(worker);
  for (const task of tasks) {
    if (!task.isWanted) conclude(state, task);
    else tryElsewhere(state, task, worker, { reason: 'worker-lost', detail: id }, nowMs, effects);
  }
  declineHopeless(state, effects);
}

/** Leaving with tasks is one failure, however many they were: a torn cable is no proof of a broken machine. */
function remember(state: SchedulerState, { circuit, pace, busy, offer }: WorkerRecord, nowMs: number): void {
  if (busy > 0) noteEnd(circuit, circuit.trial ?? '', 'bad', nowMs);
  const isAsNew = circuit.phase === 'closed' && circuit.known === 0;
  if (isAsNew && pace.timeMs === 0) return;
  state.departed.set(offer.id, { circuit, pace });
  const [oldest] = state.departed.keys();
  if (state.departed.size > REMEMBERED_WORKERS && oldest !== undefined) state.departed.delete(oldest);
}

function drain(state: SchedulerState, id: string, effects: SchedulerEffect[]): void {
  const worker = state.workers.get(id);
  if (worker === undefined || worker.draining) return;
  worker.draining = true;
  refile(worker);
  declineHopeless(state, effects);
}

/** Who lacked it may take what waits for it with others. */
function forgetLack(state: SchedulerState, toolchain: string, nowMs: number, effects: SchedulerEffect[]): void {
  for (const worker of state.workers.values()) {
    if (!worker.lacks.has(toolchain)) continue;
    const others = [...worker.lacks].filter((other) => other !== toolchain);
    worker.lacks = others.length === 0 ? NOTHING : new Set(others);
    serve(state, worker, nowMs, effects);
  }
}

// Tasks

function submit(state: SchedulerState, ask: TaskAsk, nowMs: number, effects: SchedulerEffect[]): void {
  const task = newTask(state, ask, nowMs);
  const before = state.tasks.size;
  state.tasks.set(ask.id, task);
  // Asking first would cost a second look-up in a large table.
  if (state.tasks.size === before) throw new Error(`task ${ask.id} was submitted twice`);
  place(state, task, nowMs, effects);
}

function cancel(state: SchedulerState, id: string, nowMs: number, effects: SchedulerEffect[]): void {
  const task = state.tasks.get(id);
  if (task === undefined || !task.isWanted) return;
  if (task.run === undefined) unqueue(state, task);
  stopRuns(task, nowMs, effects);
  conclude(state, task);
}

function stopRuns({ run, copy }: TaskRecord, nowMs: number, effects: SchedulerEffect[]): void {
  if (run !== undefined) stopRun(run, nowMs, effects);
  if (copy !== undefined) stopRun(copy, nowMs, effects);
}

/** Only a worker that has the task can end it: whatever a worker says of other tasks is ignored. */
function end(
  state: SchedulerState,
  id: string,
  workerId: string,
  outcome: TaskOutcome,
  nowMs: number,
  effects: SchedulerEffect[],
): void {
  const task = state.tasks.get(id);
  const run = task === undefined ? undefined : runOn(task, workerId);
  if (task === undefined || run === undefined) return;
  const { worker } = run;
  worker.lastSeenMs = nowMs;
  if (task.isWanted && outcome.kind === 'ok') learn(state, task, run, outcome.latencyMs, nowMs);
  settle(state, run, !task.isWanted && outcome.kind !== 'ok' ? 'neither' : healthOf(outcome), nowMs);
  if (!task.isWanted) conclude(state, task);
  else if (outcome.kind === 'ok') {
    worker.completed += 1;
    stopRuns(task, nowMs, effects);
    conclude(state, task);
    effects.push({ kind: 'complete', task: id, worker: workerId });
  } else elsewhere(state, task, worker, outcome, nowMs, effects);
  if (worker.circuit.phase === 'open') declineHopeless(state, effects);
  serve(state, worker, nowMs, effects);
}

/** How long the task and tasks like it take, and how fast the worker is. */
function learn(
  state: SchedulerState,
  task: TaskRecord,
  { worker, startedMs }: Slot,
  latencyMs: number,
  nowMs: number,
): void {
  noteLatency(worker, latencyMs);
  const { pace } = worker;
  const tookMs = Math.max(1, nowMs - startedMs);
  noteDuration(state.durations, task.ask.name, task.known, tookMs, pace.speed);
  const { meanMs } = state.durations;
  notePace(pace, task.workMs === 0 ? meanMs : task.workMs, tookMs, meanMs);
}

function elsewhere(
  state: SchedulerState,
  task: TaskRecord,
  worker: WorkerRecord,
  outcome: Exclude<TaskOutcome, { kind: 'ok' }>,
  nowMs: number,
  effects: SchedulerEffect[],
): void {
  worker.failed += 1;
  const why = outcome.kind === 'lost' ? { reason: 'worker-lost', detail: worker.offer.id } : outcome;
  if (why.reason === 'no-toolchain') noteLack(worker, task.ask.toolchain);
  tryElsewhere(state, task, worker, why, nowMs, effects);
  if (why.reason === 'no-toolchain') declineHopeless(state, effects);
}

function noteLack(worker: WorkerRecord, toolchain: string): void {
  const others = worker.lacks.size >= REMEMBERED_LACKS ? NOTHING : worker.lacks;
  worker.lacks = new Set([...others, toolchain]);
}

function healthOf(outcome: TaskOutcome): Health {
  if (outcome.kind === 'ok') return 'good';
  return outcome.kind === 'declined' && BLAMELESS.has(outcome.reason) ? 'neither' : 'bad';
}

function noteLatency(worker: WorkerRecord, latencyMs: number): void {
  const latest = Number.isFinite(latencyMs) ? Math.max(0, latencyMs) : 0;
  worker.latencyMs = worker.completed === 0 ? latest : worker.latencyMs * (1 - LATENCY_ALPHA) + latest * LATENCY_ALPHA;
}

function settle(state: SchedulerState, slot: Slot, health: Health, nowMs: number): TaskRecord {
  noteEnd(slot.worker.circuit, slot.task?.ask.id ?? '', health, nowMs);
  return release(state, slot);
}

// Time

function tick(state: SchedulerState, nowMs: number, effects: SchedulerEffect[]): void {
  const silent = nowMs - MISSED_HEARTBEATS * state.options.heartbeatMs;
  const lost = [...state.workers.values()].filter((worker) => worker.lastSeenMs <= silent);
  // All of them leave service before any task of theirs looks for another worker: not from one lost one to the next.
  for (const worker of lost) {
    worker.draining = true;
    refile(worker);
  }
  for (const { offer } of lost) {
    effects.push({ kind: 'worker-lost', worker: offer.id });
    detach(state, offer.id, nowMs, effects);
  }
  for (const worker of state.workers.values()) {
    const reopened = noteTime(worker.circuit, nowMs);
    if (dropUncancelled(state, worker, nowMs) || reopened) {
      refile(worker);
      if (worker.circuit.phase === 'open') declineHopeless(state, effects);
      serve(state, worker, nowMs, effects);
    }
  }
  copyLateTasks(state, nowMs, effects);
}

function dropUncancelled(state: SchedulerState, worker: WorkerRecord, nowMs: number): boolean {
  if (worker.busy === 0) return false;
  const dropped = takenSlots(worker).filter(({ cancelledMs }) => cancelledMs >= 0 && nowMs - cancelledMs >= CANCEL_MS);
  for (const slot of dropped) conclude(state, settle(state, slot, 'bad', nowMs));
  return dropped.length > 0;
}
