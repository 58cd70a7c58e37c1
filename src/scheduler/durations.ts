/**
 * What pieces of work took before, in milliseconds of a worker of speed 1. Each name has a number, which grows with every
 * new name; what is known of it lies at its number in one block of memory.
 */
export interface Durations {
  /** Those heard of lately, and those before them. What stays in neither is forgotten. */
  recent: Generation;
  older: Generation;
  /** Slowly moving mean of all tasks, named or not. */
  meanMs: number;
  /** The same of the speeds of the workers that did them. */
  meanSpeed: number;
  seen: number;
}

interface Generation {
  readonly numbers: Map<string, number>;
  /** The number of its first name. */
  readonly from: number;
  worksMs: Float64Array;
}

/** Of all tasks of one name. */
export interface Duration {
  readonly workMs: number;
}

/** Weight of the newest: the last edit says most about what a file takes now. */
const ALPHA = 0.5;
const MEAN_ALPHA = 0.02;
/** Until something was seen: about what a C++ file takes. */
const FIRST_GUESS_MS = 1000;
/** Names heard of before the older half is forgotten: more than the files of anybody, 50 MB where all are different. */
const RECENT = 200_000;

const FIRST_NAMES = 64;
/** The number of a name nobody heard of. */
export const UNHEARD = -1;

const newGeneration = (from: number): Generation => ({
  numbers: new Map(),
  from,
  worksMs: new Float64Array(FIRST_NAMES),
});

export function newDurations(): Durations {
  return { recent: newGeneration(0), older: newGeneration(0), meanMs: FIRST_GUESS_MS, meanSpeed: 1, seen: 0 };
}

/** The number of a name, or {@link UNHEARD}. */
export function numberOf({ recent, older }: Durations, name: string): number {
  return name === '' ? UNHEARD : (recent.numbers.get(name) ?? older.numbers.get(name) ?? UNHEARD);
}

/** What tasks of the name with this number took; 0: that is forgotten. */
export function workOf({ recent, older }: Durations, number: number): number {
  const generation = number >= recent.from ? recent : older;
  return number < generation.from ? 0 : (generation.worksMs[number - generation.from] ?? 0);
}

/** What is known of tasks of this name. */
export function durationOf(durations: Durations, name: string): Duration | undefined {
  const number = numberOf(durations, name);
  return number === UNHEARD ? undefined : { workMs: workOf(durations, number) };
}

/**
 * A task took so long on a worker of this speed.
 * @param number what {@link numberOf} said when it was submitted
 */
export function noteDuration(durations: Durations, name: string, number: number, tookMs: number, speed: number): void {
  const workMs = tookMs * speed;
  durations.seen += 1;
  const alpha = Math.max(MEAN_ALPHA, 1 / durations.seen);
  durations.meanMs += (workMs - durations.meanMs) * alpha;
  durations.meanSpeed += (speed - durations.meanSpeed) * alpha;
  if (number !== UNHEARD) correct(number >= durations.recent.from ? durations.recent : durations.older, number, workMs);
  else if (name !== '') teach(durations, name, workMs);
}

/** What was forgotten meanwhile stays so. */
function correct({ worksMs, from }: Generation, number: number, workMs: number): void {
  const at = number - from;
  if (at >= 0) worksMs[at] = (worksMs[at] as number) + (workMs - (worksMs[at] as number)) * ALPHA;
}

/** Tasks of this name are expected to take so much. */
export function teach(durations: Durations, name: string, workMs: number): void {
  const { recent } = durations;
  if (recent.numbers.size >= RECENT) {
    durations.older = recent;
    durations.recent = newGeneration(recent.from + recent.numbers.size);
  }
  enter(durations.recent, name, workMs);
}

function enter(generation: Generation, name: string, workMs: number): void {
  const { numbers, from } = generation;
  const number = numbers.get(name) ?? from + numbers.size;
  numbers.set(name, number);
  if (number - from >= generation.worksMs.length) {
    const longer = new Float64Array(generation.worksMs.length * 2);
    longer.set(generation.worksMs);
    generation.worksMs = longer;
  }
  generation.worksMs[number - from] = workMs;
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
