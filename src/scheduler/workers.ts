import { admits, type Circuit, isSpotless, newCircuit } from './circuit.ts';
import { dropStretch, FIRST_STRETCH, type Held, moveStretch, newHeld, takeStretch } from './held.ts';
import type { WorkerOffer, WorkerRecord } from './model.ts';
import { newPace, type Pace, speedClass } from './pace.ts';
import { dropRow, float, int, newRows, type Rows, setFloat, setInt, takeRow } from './rows.ts';

/** Attached workers. A worker's number is that of its row, and is another's when it has gone. */
export interface Workers {
  readonly rows: Rows;
  readonly held: Held;
  /** The rest of what is known of them, by number. */
  readonly records: WorkerRecord[];
}

/** Whole numbers of a worker's row. */
export const WORKER_FLAGS = 0;
/** Slots that are taken, by tasks that are being stopped as well; and all of them. */
export const BUSY = 1;
export const SLOTS = 2;
/** Its pool, its places in the lists of that, -1 where it is in none, and in which list of free ones it is. */
export const POOL = 3;
export const SERVICE_AT = 4;
export const FREE_AT = 5;
export const FREE_CLASS = 6;
/** The class of its speed. */
export const SPEED_CLASS = 7;
/** Where its tasks are listed, and the logarithm of how many may be there. */
export const HELD_FROM = 8;
export const HELD_LOG = 9;
export const COMPLETED = 10;
export const FAILED = 11;
/** Its breaker: the place of its phase in {@link PHASES}, the task on trial or -1, and what is remembered. */
export const PHASE = 12;
export const TRIAL = 13;
export const KNOWN = 14;
export const FAILURES = 15;
/** Fractions of a worker's row. */
export const LAST_SEEN_MS = 8;
export const LATENCY_MS = 9;
export const PACE_WORK_MS = 10;
export const PACE_TIME_MS = 11;
export const SPEED = 12;
export const UNTIL_MS = 13;

const PHASES: readonly Circuit['phase'][] = ['closed', 'open', 'half-open'];

/** Bits of {@link WORKER_FLAGS}. */
export const ATTACHED = 1;
export const DRAINING = 2;
/** Its breaker is not open; it lets a task through now; nothing but good ends are remembered, and no more of them can be. */
export const CLOSED_ENOUGH = 4;
export const ADMITS = 8;
export const SPOTLESS = 16;
/** It lacks some toolchain. */
export const LACKING = 32;

const ROW = 5;

export function newWorkers(): Workers {
  return { rows: newRows(ROW), held: newHeld(), records: [] };
}

/** The number of a worker that is to be attached: it is nobody else's until it is detached. */
export function reserveWorker({ rows }: Workers): number {
  const worker = takeRow(rows);
  setInt(rows, worker, WORKER_FLAGS, 0);
  return worker;
}

export function hasWorkerFlag({ rows }: Workers, worker: number, flag: number): boolean {
  return (int(rows, worker, WORKER_FLAGS) & flag) !== 0;
}

export function setWorkerFlag({ rows }: Workers, worker: number, flag: number, isSet: boolean): void {
  const flags = int(rows, worker, WORKER_FLAGS);
  setInt(rows, worker, WORKER_FLAGS, isSet ? flags | flag : flags & ~flag);
}

/** What of a worker outlives its connection. */
export interface Learned {
  readonly circuit: Circuit;
  readonly pace: Pace;
}

/** Shared by all workers that lack nothing. */
export const NOTHING: ReadonlySet<string> = new Set();

/** Fills the row of a worker that begins now. */
export function enrol(
  workers: Workers,
  worker: number,
  offer: WorkerOffer,
  pool: number,
  known: Learned | undefined,
  nowMs: number,
): void {
  const { rows, held, records } = workers;
  const from = takeStretch(held, FIRST_STRETCH);
  rows.ints.fill(0, worker << ROW, (worker + 1) << ROW);
  setInt(rows, worker, WORKER_FLAGS, ATTACHED);
  setInt(rows, worker, SLOTS, Math.min(offer.slots, MOST_SLOTS));
  setInt(rows, worker, POOL, pool);
  setInt(rows, worker, SERVICE_AT, -1);
  setInt(rows, worker, FREE_AT, -1);
  setInt(rows, worker, HELD_FROM, from);
  setInt(rows, worker, HELD_LOG, FIRST_STRETCH);
  setFloat(rows, worker, LAST_SEEN_MS, nowMs);
  setPace(workers, worker, known?.pace ?? newPace());
  setCircuit(workers, worker, known?.circuit ?? newCircuit());
  records[worker] = recordOf(workers, worker, offer);
}

/** Toolchains that a worker said it cannot get. */
export function setLacks(workers: Workers, worker: number, lacks: readonly string[]): void {
  recordAt(workers, worker).lacks = lacks.length === 0 ? NOTHING : new Set(lacks);
  setWorkerFlag(workers, worker, LACKING, lacks.length > 0);
}

/** More than any machine has: what a worker says is no number of places to be reserved. */
const MOST_SLOTS = 2 ** 20;

function recordOf(workers: Workers, number: number, offer: WorkerOffer): WorkerRecord {
  const { rows } = workers;
  return {
    number,
    offer,
    get circuit() {
      return circuitOf(workers, number);
    },
    lacks: NOTHING,
    get busy() {
      return int(rows, number, BUSY);
    },
    get draining() {
      return hasWorkerFlag(workers, number, DRAINING);
    },
    get latencyMs() {
      return float(rows, number, LATENCY_MS);
    },
    get completed() {
      return int(rows, number, COMPLETED);
    },
    get failed() {
      return int(rows, number, FAILED);
    },
  };
}

/** A worker has gone, and has no task any more: its number may be another's. */
export function dismiss({ rows, held }: Workers, worker: number): void {
  dropStretch(held, int(rows, worker, HELD_FROM), int(rows, worker, HELD_LOG));
  setInt(rows, worker, WORKER_FLAGS, 0);
  dropRow(rows, worker);
}

export function circuitOf({ rows }: Workers, worker: number): Circuit {
  const trial = int(rows, worker, TRIAL);
  return {
    phase: PHASES[int(rows, worker, PHASE)] as Circuit['phase'],
    untilMs: float(rows, worker, UNTIL_MS),
    trial: trial < 0 ? undefined : trial,
    known: int(rows, worker, KNOWN),
    failures: int(rows, worker, FAILURES),
  };
}

/** Brings the flags in step as well: decisions read those alone. */
export function setCircuit(workers: Workers, worker: number, circuit: Circuit): void {
  const { rows } = workers;
  setInt(rows, worker, PHASE, PHASES.indexOf(circuit.phase));
  setFloat(rows, worker, UNTIL_MS, circuit.untilMs);
  setInt(rows, worker, TRIAL, circuit.trial ?? -1);
  setInt(rows, worker, KNOWN, circuit.known);
  setInt(rows, worker, FAILURES, circuit.failures);
  setWorkerFlag(workers, worker, CLOSED_ENOUGH, circuit.phase !== 'open');
  setWorkerFlag(workers, worker, ADMITS, admits(circuit));
  setWorkerFlag(workers, worker, SPOTLESS, isSpotless(circuit));
}

export function recordAt({ records }: Workers, worker: number): WorkerRecord {
  return records[worker] as WorkerRecord;
}

export function paceOf({ rows }: Workers, worker: number): Pace {
  return {
    workMs: float(rows, worker, PACE_WORK_MS),
    timeMs: float(rows, worker, PACE_TIME_MS),
    speed: float(rows, worker, SPEED),
  };
}

export function setPace({ rows }: Workers, worker: number, { workMs, timeMs, speed }: Pace): void {
  setFloat(rows, worker, PACE_WORK_MS, workMs);
  setFloat(rows, worker, PACE_TIME_MS, timeMs);
  if (float(rows, worker, SPEED) === speed) return;
  setFloat(rows, worker, SPEED, speed);
  setInt(rows, worker, SPEED_CLASS, speedClass(speed));
}

/** A worker has one task more. */
export function hold({ rows, held }: Workers, worker: number, task: number): void {
  const busy = int(rows, worker, BUSY);
  const log = int(rows, worker, HELD_LOG);
  if (busy === 2 ** log) {
    setInt(rows, worker, HELD_FROM, moveStretch(held, int(rows, worker, HELD_FROM), log));
    setInt(rows, worker, HELD_LOG, log + 1);
  }
  held.places[int(rows, worker, HELD_FROM) + busy] = task;
  setInt(rows, worker, BUSY, busy + 1);
}

/** A worker has a task no more; the last of its list takes that one's place. Throws where it has no such task. */
export function letGo({ rows, held }: Workers, worker: number, task: number): void {
  const from = int(rows, worker, HELD_FROM);
  const last = int(rows, worker, BUSY) - 1;
  for (let place = 0; place <= last; place += 1) {
    if (held.places[from + place] !== task) continue;
    held.places[from + place] = held.places[from + last] as number;
    setInt(rows, worker, BUSY, last);
    return;
  }
  throw new Error(`worker ${worker} does not have task ${task}`);
}

/** What a worker has. */
export function heldBy({ rows, held }: Workers, worker: number): readonly number[] {
  const from = int(rows, worker, HELD_FROM);
  return [...held.places.subarray(from, from + int(rows, worker, BUSY))];
}
