/**
 * How fast a worker is, learned from what it did: work done in time taken, the recent more than the old. A worker of
 * speed 2 does in a second what takes two on one of speed 1, transfers and waiting on the worker included.
 */
export interface Pace {
  /** Decaying sums over its tasks, in milliseconds. */
  workMs: number;
  timeMs: number;
  /** 1 until something is known. */
  speed: number;
}

/** Weight of all older tasks beside the newest: some twenty tasks are remembered. */
const DECAY = 0.95;
/** A new worker counts as one that did so many mean tasks at speed 1: a single odd task does not make it a snail. */
const PRIOR_TASKS = 2;
/** No answer is believed to come from a machine faster or slower than this: compiles that fail at once end at once. */
const FASTEST = 8;
const SLOWEST = 1 / 16;
export function newPace(): Pace {
  return { workMs: 0, timeMs: 0, speed: 1 };
}

/**
 * A task ended.
 * @param workMs what it was expected to take at speed 1
 * @param tookMs how long the worker had it
 * @param meanMs work of a mean task
 */
export function notePace(pace: Pace, workMs: number, tookMs: number, meanMs: number): void {
  // Whole numbers: the engine keeps them in the object and not beside it.
  pace.workMs = Math.round(pace.workMs * DECAY + Math.min(workMs, tookMs * FASTEST));
  pace.timeMs = Math.round(pace.timeMs * DECAY + tookMs);
  const prior = PRIOR_TASKS * meanMs;
  const speed = (pace.workMs + prior) / (pace.timeMs + prior);
  pace.speed = Math.min(FASTEST, Math.max(SLOWEST, speed));
}

/** Workers are told apart by steps of the fourth root of two: 1.19 times as fast. */
const STEPS_PER_DOUBLING = 4;
export const SPEED_CLASSES = STEPS_PER_DOUBLING * Math.log2(FASTEST / SLOWEST) + 1;

/** 0 for the slowest to below {@link SPEED_CLASSES}. */
export function speedClass(speed: number): number {
  return Math.round(STEPS_PER_DOUBLING * Math.log2(speed / SLOWEST));
}
