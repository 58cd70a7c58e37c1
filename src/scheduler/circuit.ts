/**
 * A breaker per worker. A worker that fails at once is free at once, and would draw every task of the grid into itself:
 * one that mostly fails gets nothing for a while, then a single task to prove itself.
 */
export interface Circuit {
  phase: 'closed' | 'open' | 'half-open';
  /** While open: when the trial may come. Milliseconds of the scheduler's clock. */
  untilMs: number;
  /** While half-open: the task that decides. */
  trial: string | undefined;
  /** The last outcomes while closed, true for a failure; at most {@link WINDOW}. */
  outcomes: boolean[];
}

/** What a task's end says about the worker: most refusals say nothing about its health. */
export type Health = 'good' | 'bad' | 'neither';

export const WINDOW = 20;
export const FEWEST_OUTCOMES = 5;
export const FAILURE_SHARE = 0.6;
export const OPEN_MS = 30_000;

export function newCircuit(): Circuit {
  return { phase: 'closed', untilMs: 0, trial: undefined, outcomes: [] };
}

/** Whether a task may be given to a worker with this circuit. */
export function admits(circuit: Circuit): boolean {
  return circuit.phase === 'closed' || (circuit.phase === 'half-open' && circuit.trial === undefined);
}

/** A task was given to the worker. */
export function noteStart(circuit: Circuit, task: string): void {
  if (circuit.phase === 'half-open') circuit.trial = task;
}

/** A task ended on the worker, or with it. */
export function noteEnd(circuit: Circuit, task: string, health: Health, nowMs: number): void {
  if (circuit.phase === 'half-open' && circuit.trial === task) {
    settleTrial(circuit, health, nowMs);
    return;
  }
  if (circuit.phase !== 'closed' || health === 'neither') return;
  circuit.outcomes.push(health === 'bad');
  if (circuit.outcomes.length > WINDOW) circuit.outcomes.shift();
  const failures = circuit.outcomes.filter(Boolean).length;
  if (circuit.outcomes.length >= FEWEST_OUTCOMES && failures >= circuit.outcomes.length * FAILURE_SHARE) {
    open(circuit, nowMs);
  }
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
    circuit.outcomes = [];
  }
}

function open(circuit: Circuit, nowMs: number): void {
  circuit.phase = 'open';
  circuit.untilMs = nowMs + OPEN_MS;
  circuit.outcomes = [];
}
