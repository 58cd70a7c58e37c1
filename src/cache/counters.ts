/**
 * What is counted, by stable names: they are written to files that later versions read, and printed by `--json`.
 * Names are only added. Pure.
 */
export const COUNTERS = {
  hits: 'results taken from the cache',
  misses: 'compiles run because the cache had no answer',
  preprocessedHits: 'hits found by preprocessed text (also in hits)',
  sharedHits: "results taken from the grid's cache (also in hits)",
  storageHits: 'results taken from a remote storage (also in hits)',
  remoteCompiles: 'compiles run on a worker',
  directCompiles: 'compiles brought to a worker without the coordinator between (also in remoteCompiles)',
  broughtHome: 'compiles asked of the grid and then done here, because that was sooner (also in misses)',
  overtaken: 'compiles begun here while they were late on the grid, whose answer then came first',
  notCompiles: 'calls that compile nothing',
  fallbacks: 'hits that could not be delivered, so that the compiler ran',
  stored: 'results stored',
  badBlobs: 'damaged blobs found and dropped',
  verified: 'delivered results compiled again and compared',
  verifyMismatches: 'delivered results that the plain compiler makes otherwise (also in verified)',
  verifySkipped: 'deliveries chosen for comparison that could not be compared',
  savedMs: 'compile time that hits did not take, in milliseconds',
  compileMs: 'compile time of the misses, in milliseconds',
  bytesWritten: 'bytes added to the cache',
  evictedFiles: 'files removed to keep the size limit',
  evictedBytes: 'bytes removed to keep the size limit',
} as const satisfies Record<string, string>;

export type CounterName = keyof typeof COUNTERS;

export type Counts = Readonly<Record<CounterName, number>>;

/** All counters. Refusals and failures are by reason; reasons of later versions are kept and added up, too. */
export interface Counters extends Counts {
  readonly refused: Readonly<Record<string, number>>;
  readonly storeFailures: Readonly<Record<string, number>>;
}

const NAMES = Object.keys(COUNTERS) as CounterName[];

function counts(value: (name: CounterName) => number): Counts {
  return Object.fromEntries(NAMES.map((name) => [name, value(name)])) as unknown as Counts;
}

export const NO_COUNTERS: Counters = { ...counts(() => 0), refused: {}, storeFailures: {} };

export function sumCounters(one: Counters, other: Counters): Counters {
  return combine(one, other, (a, b) => a + b);
}

/** What was counted since; never below zero, for a file may have been lost in between. */
export function countersSince(now: Counters, before: Counters): Counters {
  return combine(now, before, (a, b) => Math.max(0, a - b));
}

function combine(one: Counters, other: Counters, by: (a: number, b: number) => number): Counters {
  return {
    ...counts((name) => by(one[name], other[name])),
    refused: combineReasons(one.refused, other.refused, by),
    storeFailures: combineReasons(one.storeFailures, other.storeFailures, by),
  };
}

function combineReasons(
  one: Counters['refused'],
  other: Counters['refused'],
  by: (a: number, b: number) => number,
): Record<string, number> {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  const combined = names.map((name) => [name, by(one[name] ?? 0, other[name] ?? 0)] as const);
  return Object.fromEntries(combined.filter(([, amount]) => amount !== 0));
}

/** Counters out of a file: what is missing or no amount counts as 0. */
export function parseCounters(value: unknown): Counters {
  const record = asRecord(value);
  return {
    ...counts((name) => amount(record[name])),
    refused: parseReasons(record.refused),
    storeFailures: parseReasons(record.storeFailures),
  };
}

function parseReasons(value: unknown): Record<string, number> {
  const reasons = Object.entries(asRecord(value)).map(([name, count]) => [name, amount(count)] as const);
  return Object.fromEntries(reasons.filter(([, count]) => count > 0));
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}
