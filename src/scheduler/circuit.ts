/**
 * A breaker per worker. A worker that fails at once is free at once, and would draw every task of the grid into itself:
 * one that mostly fails gets nothing for a while, then a single task to prove itself.
 */
export interface Circuit {
  phase: 'closed' | 'open' | 'half-open';
  /** While open: when the trial may come. Milliseconds of the scheduler's clock. */
  untilMs: number;
  /** While half-open: the task that decides. */
  trial: number | undefined;
  /** The last outcomes while closed, at most {@link WINDOW}: how many, and as bits, the newest lowest, 1 for a failure. */
  known: number;
  failures: number;
}

/** What a task's end says about the worker: most refusals say nothing about its health. */
export type Health = 'good' | 'bad' | 'neither';

export const WINDOW = 20;
export const FEWEST_OUTCOMES = 5;
export const FAILURE_SHARE = 0.6;
export const OPEN_MS = 30_000;

const WINDOW_BITS = 2 ** WINDOW - 1;

export function newCircuit(): Circuit {
  return { phase: 'closed', untilMs: 0, trial: undefined, known: 0, failures: 0 };
}

/** Whether a task may be given to a worker with this circuit. */
export function admits(circuit: Circuit): boolean {
  return circuit.phase === 'closed' || (circuit.phase === 'half-open' && circuit.trial === undefined);
}

/** Nothing but good ends are remembered, and as many as can be: one more changes nothing. */
export function isSpotless({ phase, known, failures }: Circuit): boolean {
  return phase === 'closed' && known === WINDOW && failures === 0;
}

/** A task was given to the worker. */
export function noteStart(circuit: Circuit, task: number): void {
  if (circuit.phase === 'half-open') circuit.trial = task;
}

/** A task ended on the worker, or with it. */
export function noteEnd(circuit: Circuit, task: number, health: Health, nowMs: number): void {
  if (circuit.phase === 'half-open' && circuit.trial === task) {
    settleTrial(circuit, health, nowMs);
    return;
  }
  if (circuit.phase !== 'closed' || health === 'neither') return;
  circuit.failures = ((circuit.failures << 1) | Number(health === 'bad')) & WINDOW_BITS;
  circuit.known = Math.min(WINDOW, circuit.known + 1);
  if (circuit.known >= FEWEST_OUTCOMES && ones(circuit.failures) >= circuit.known * FAILURE_SHARE) {
    open(circuit, nowMs);
  }
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** Time passes: an open circuit becomes half-open. True if it did. */
export function noteTime(circuit: Circuit, nowMs: number): boolean {
  if (circuit.phase !== 'open' || nowMs < circuit.untilMs) return false;
  circuit.phase = 'half-open';
  circuit.trial = undefined;
  return true;
}

function settleTrial(circuit: Circuit, health: Health, nowMs: number): void {
  circuit.trial = undefined;
  if (health === 'bad') open(circuit, nowMs);
  if (health === 'good') {
    circuit.phase = 'closed';
    forget(circuit);
  }
}

function open(circuit: Circuit, nowMs: number): void {
  circuit.phase = 'open';
  circuit.untilMs = nowMs + OPEN_MS;
  forget(circuit);
}

function forget(circuit: Circuit): void {
  circuit.known = 0;
  circuit.failures = 0;
}
