/**
 * How many compiles a machine should start by itself while others want its processors too. The count of what others want
 * comes from the run queue, less our own compiles: unlike pressure it does not depend on how many of ours run, so that the
 * number does not swing. Pressure says whether anybody waits at all. Pure.
 */
import type { LoadSample } from './machine-load.ts';

export interface LoadState {
  /** From 1 to the number of processors. */
  readonly limit: number;
  /** How many tasks of others want a processor, smoothed. */
  readonly others: number;
  /** So many looks in a row found too much, or room for more. */
  readonly crowded: number;
  readonly roomy: number;
}

/** What `others` remembers, milliseconds: one look catches whoever happens to run. */
const MEMORY_MS = 2_000;
/** Where somebody waits for a processor less than this part of the time, there are enough of them. */
const WAITING = 0.2;
/**
 * Tasks of others beyond the processors left to them that take one from us, and give it back. `make`, launchers and scanning
 * keep about a third of a processor busy, and must not count as somebody else.
 */
const TOO_MANY = 0.75;
const FEW = 0.4;
/** Looks in a row that decide: a second. */
const LOOKS = 2;
/** All tasks at once waited so much of the time for memory: the machine is swapping, and each compiler less helps. */
const SWAPPING = 0.1;
/** The same, so that none is added. */
const TIGHT = 0.02;
/** And for disks: a link step writes. */
const DISK = 0.3;

export function freshLoad(processors: number): LoadState {
  return { limit: processors, others: 0, crowded: 0, roomy: 0 };
}

/** What follows from two looks at the machine, with `running` compiles of ours at the second. */
export function followLoad(
  state: LoadState,
  before: LoadSample,
  now: LoadSample,
  running: number,
  processors: number,
): LoadState {
  const tookMs = now.atMs - before.atMs;
  if (tookMs <= 0) return state;
  // This process looks, so it runs.
  const seen = now.runnable === undefined ? 0 : Math.max(0, now.runnable - running - 1);
  const others = state.others + (seen - state.others) * (1 - Math.exp(-tookMs / MEMORY_MS));
  const memory = share(before.memoryStallUs, now.memoryStallUs, tookMs);
  if (memory >= SWAPPING) return { limit: Math.max(1, state.limit >> 1), others, crowded: 0, roomy: 0 };
  const waits = cpuWaits(before, now, tookMs);
  const disk = share(before.ioStallUs, now.ioStallUs, tookMs);
  const left = processors - state.limit;
  const isCrowded = (others > left + TOO_MANY && waits >= WAITING) || disk >= DISK;
  const isRoomy = others < left - 1 + FEW && memory < TIGHT && disk < DISK;
  const crowded = isCrowded ? state.crowded + 1 : 0;
  const roomy = isRoomy ? state.roomy + 1 : 0;
  const fresh = { others, crowded: 0, roomy: 0 };
  if (crowded >= LOOKS) {
    const rest = disk >= DISK ? state.limit - 1 : Math.min(state.limit - 1, processors - Math.round(others));
    return { ...fresh, limit: Math.max(1, rest) };
  }
  if (roomy >= LOOKS) return { ...fresh, limit: Math.min(processors, state.limit + 1) };
  return { limit: state.limit, others, crowded, roomy };
}

/** The part of the time in which somebody waited for a processor; without PSI the run queue is believed. */
function cpuWaits({ cpuWaitUs: before }: LoadSample, { cpuWaitUs: now }: LoadSample, tookMs: number): number {
  return before === undefined || now === undefined ? 1 : (now - before) / 1000 / tookMs;
}

function share(before: readonly number[], now: readonly number[], tookMs: number): number {
  const grown = now.map((total, i) => total - (before[i] ?? total));
  return Math.max(0, ...grown) / 1000 / tookMs;
}
