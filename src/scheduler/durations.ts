/** What pieces of work took before, in milliseconds of a worker of speed 1. */
export interface Durations {
  /** By name: those heard of lately, and those before them. What stays in neither is forgotten. */
  recent: Map<string, Duration>;
  older: Map<string, Duration>;
  /** Slowly moving mean of all tasks, named or not. */
  meanMs: number;
  /** The same of the speeds of the workers that did them. */
  meanSpeed: number;
  seen: number;
}

/** Of all tasks of one name. */
export interface Duration {
  workMs: number;
}

/** Weight of the newest: the last edit says most about what a file takes now. */
const ALPHA = 0.5;
const MEAN_ALPHA = 0.02;
/** Until something was seen: about what a C++ file takes. */
const FIRST_GUESS_MS = 1000;
/** Names heard of before the older half is forgotten: more than the files of anybody, 50 MB where all are different. */
const RECENT = 200_000;

export function newDurations(): Durations {
  return { recent: new Map(), older: new Map(), meanMs: FIRST_GUESS_MS, meanSpeed: 1, seen: 0 };
}

/** What is known of tasks of this name. */
export function durationOf({ recent, older }: Durations, name: string): Duration | undefined {
  return name === '' ? undefined : (recent.get(name) ?? older.get(name));
}

/**
 * A task took so long on a worker of this speed.
 * @param known what {@link durationOf} said when it was submitted
 */
export function noteDuration(
  durations: Durations,
  name: string,
  known: Duration | undefined,
  tookMs: number,
  speed: number,
): void {
  const workMs = tookMs * speed;
  durations.seen += 1;
  const alpha = Math.max(MEAN_ALPHA, 1 / durations.seen);
  durations.meanMs += (workMs - durations.meanMs) * alpha;
  durations.meanSpeed += (speed - durations.meanSpeed) * alpha;
  if (known !== undefined) known.workMs += (workMs - known.workMs) * ALPHA;
  else if (name !== '') teach(durations, name, workMs);
}

/** Tasks of this name are expected to take so much. */
export function teach(durations: Durations, name: string, workMs: number): void {
  if (durations.recent.size >= RECENT) {
    durations.older = durations.recent;
    durations.recent = new Map();
  }
  durations.recent.set(name, { workMs });
}

/** Tasks are told apart by steps of the square root of two, from 16 ms to 90 s. */
const SHORTEST_MS = 16;
export const DURATION_STEPS_PER_DOUBLING = 2;
export const DURATION_CLASSES = 27;
/** What is unknown may be long, and is started before what is known not to be. */
const UNKNOWN = DURATION_CLASSES - 1;

/** 0 for the shortest to below {@link DURATION_CLASSES}; 0 ms stand for unknown. */
export function durationClass(workMs: number): number {
  if (workMs <= 0) return UNKNOWN;
  const steps = Math.floor(DURATION_STEPS_PER_DOUBLING * Math.log2(workMs / SHORTEST_MS));
  return Math.max(0, Math.min(UNKNOWN - 1, steps));
}
