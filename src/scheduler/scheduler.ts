import { declineHopeless, place, release, serve, tryElsewhere, unqueue } from './attempts.ts';
import { type Health, newCircuit, noteEnd, noteTime } from './circuit.ts';
import type {
  SchedulerEffect,
  SchedulerEvent,
  TaskAsk,
  TaskOutcome,
  TaskRecord,
  WorkerOffer,
  WorkerRecord,
} from './model.ts';
import { refile, type SchedulerState } from './state.ts';

/** After so many silent heartbeats a worker is lost. */
const MISSED_HEARTBEATS = 3;
/** A worker that has not stopped a cancelled task by then never will: its slot is free again, and it counts as failed. */
const CANCEL_MS = 30_000;
/** Weight of the newest latency in the mean. */
const LATENCY_ALPHA = 0.5;
/** Circuits remembered of workers that left. */
const REMEMBERED_CIRCUITS = 10_000;
/** Toolchains remembered as lacking, per worker; asking for one again costs a round trip. */
const REMEMBERED_LACKS = 1000;
/** What a worker may say without it being its fault; any other reason counts as its failure. */
const BLAMELESS: ReadonlySet<string> = new Set([
  'not-acceptable',
  'no-toolchain',
  'no-blob',
  'no-slot',
  'draining',
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
    case 'tick':
      tick(state, nowMs, effects);
  }
  return effects;
}

// Workers

function attach(state: SchedulerState, offer: WorkerOffer, nowMs: number, effects: SchedulerEffect[]): void {
  detach(state, offer.id, nowMs, effects);
  const worker: WorkerRecord = {
    offer,
    tasks: new Set(),
    circuit: state.departed.get(offer.id) ?? newCircuit(),
    lacks: new Set(),
    latencyMs: 0,
    lastSeenMs: nowMs,
    draining: false,
    completed: 0,
    failed: 0,
  };
  state.departed.delete(offer.id);
  state.workers.set(offer.id, worker);
  noteTime(worker.circuit, nowMs);
  refile(state, worker);
  serve(state, worker, nowMs, effects);
}

function detach(state: SchedulerState, id: string, nowMs: number, effects: SchedulerEffect[]): void {
  const worker = state.workers.get(id);
  if (worker === undefined) return;
  state.workers.delete(id);
  rememberCircuit(state, worker, nowMs);
  const tasks = [...worker.tasks];
  for (const task of tasks) release(state, task, worker);
  refile(state, worker);
  for (const task of tasks) {
    if (task.place.kind === 'cancelling') state.tasks.delete(task.ask.id);
    else tryElsewhere(state, task, worker, { reason: 'worker-lost', detail: id }, nowMs, effects);
  }
  declineHopeless(state, effects);
}

/** Leaving with tasks is one failure, however many they were: a torn cable is no proof of a broken machine. */
function rememberCircuit(state: SchedulerState, { circuit, tasks, offer }: WorkerRecord, nowMs: number): void {
  if (tasks.size > 0) noteEnd(circuit, circuit.trial ?? '', 'bad', nowMs);
  if (circuit.phase === 'closed' && circuit.outcomes.length === 0) return;
  state.departed.set(offer.id, circuit);
  const [oldest] = state.departed.keys();
  if (state.departed.size > REMEMBERED_CIRCUITS && oldest !== undefined) state.departed.delete(oldest);
}

function drain(state: SchedulerState, id: string, effects: SchedulerEffect[]): void {
  const worker = state.workers.get(id);
  if (worker === undefined || worker.draining) return;
  worker.draining = true;
  refile(state, worker);
  declineHopeless(state, effects);
}

// Tasks

function submit(state: SchedulerState, ask: TaskAsk, nowMs: number, effects: SchedulerEffect[]): void {
  if (state.tasks.has(ask.id)) throw new Error(`task ${ask.id} was submitted twice`);
  state.submissions += 1;
  const task: TaskRecord = {
    ask,
    submittedMs: nowMs,
    number: state.submissions,
    tried: [],
    place: { kind: 'waiting' },
    before: undefined,
    after: undefined,
  };
  state.tasks.set(ask.id, task);
  place(state, task, nowMs, effects);
}

function cancel(state: SchedulerState, id: string, nowMs: number, effects: SchedulerEffect[]): void {
  const task = state.tasks.get(id);
  if (task === undefined) return;
  if (task.place.kind === 'waiting') {
    unqueue(state, task);
    state.tasks.delete(id);
  } else if (task.place.kind === 'running') {
    const { worker } = task.place;
    task.place = { kind: 'cancelling', worker, sinceMs: nowMs };
    effects.push({ kind: 'cancel', task: id, worker: worker.offer.id });
  }
}

/** Only the worker that has the task can end it: whatever a worker says of other tasks is ignored. */
function end(
  state: SchedulerState,
  id: string,
  workerId: string,
  outcome: TaskOutcome,
  nowMs: number,
  effects: SchedulerEffect[],
): void {
  const task = state.tasks.get(id);
  if (task === undefined || task.place.kind === 'waiting' || task.place.worker.offer.id !== workerId) return;
  const { worker, kind } = task.place;
  worker.lastSeenMs = nowMs;
  const health = kind === 'cancelling' && outcome.kind !== 'ok' ? 'neither' : healthOf(outcome);
  settle(state, task, worker, health, nowMs);
  if (kind === 'cancelling') state.tasks.delete(id);
  else if (outcome.kind === 'ok') {
    noteLatency(worker, outcome.latencyMs);
    worker.completed += 1;
    state.tasks.delete(id);
    effects.push({ kind: 'complete', task: id, worker: workerId });
  } else elsewhere(state, task, worker, outcome, nowMs, effects);
  if (worker.circuit.phase === 'open') declineHopeless(state, effects);
  serve(state, worker, nowMs, effects);
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

function noteLack({ lacks }: WorkerRecord, toolchain: string): void {
  if (lacks.size >= REMEMBERED_LACKS) lacks.clear();
  lacks.add(toolchain);
}

function healthOf(outcome: TaskOutcome): Health {
  if (outcome.kind === 'ok') return 'good';
  return outcome.kind === 'declined' && BLAMELESS.has(outcome.reason) ? 'neither' : 'bad';
}

function noteLatency(worker: WorkerRecord, latencyMs: number): void {
  const latest = Number.isFinite(latencyMs) ? Math.max(0, latencyMs) : 0;
  worker.latencyMs = worker.completed === 0 ? latest : worker.latencyMs * (1 - LATENCY_ALPHA) + latest * LATENCY_ALPHA;
}

function settle(state: SchedulerState, task: TaskRecord, worker: WorkerRecord, health: Health, nowMs: number): void {
  noteEnd(worker.circuit, task.ask.id, health, nowMs);
  release(state, task, worker);
}

// Time

function tick(state: SchedulerState, nowMs: number, effects: SchedulerEffect[]): void {
  const silent = nowMs - MISSED_HEARTBEATS * state.options.heartbeatMs;
  const lost = [...state.workers.values()].filter((worker) => worker.lastSeenMs <= silent);
  // All of them leave service before any task of theirs looks for another worker: not from one lost one to the next.
  for (const worker of lost) {
    worker.draining = true;
    refile(state, worker);
  }
  for (const { offer } of lost) {
    effects.push({ kind: 'worker-lost', worker: offer.id });
    detach(state, offer.id, nowMs, effects);
  }
  for (const worker of state.workers.values()) {
    const reopened = noteTime(worker.circuit, nowMs);
    if (dropUncancelled(state, worker, nowMs) || reopened) {
      refile(state, worker);
      if (worker.circuit.phase === 'open') declineHopeless(state, effects);
      serve(state, worker, nowMs, effects);
    }
  }
}

function dropUncancelled(state: SchedulerState, worker: WorkerRecord, nowMs: number): boolean {
  let dropped = false;
  for (const task of worker.tasks) {
    if (task.place.kind !== 'cancelling' || nowMs - task.place.sinceMs < CANCEL_MS) continue;
    settle(state, task, worker, 'bad', nowMs);
    state.tasks.delete(task.ask.id);
    dropped = true;
  }
  return dropped;
}
