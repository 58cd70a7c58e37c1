/** The full check of one list of compiler calls: plain, cold, warm; all equal, and warm from the cache. */
import { expect } from 'vitest';
import type { Bed } from './environment.ts';
import { type Call, type Outcome, outcomeDifferences, replay } from './recorded-build.ts';

export interface VerifyOptions {
  /** Calls that may be refused: at most this many, listed by the statistics. */
  readonly refused?: number;
  /** Compiles that a correct cache may leave out, because another compile writes beside the headers meanwhile. */
  readonly unstored?: number;
}

/**
 * Where the plain compiler does not equal itself there is nothing to compare with; such a list of calls is no use as a
 * test, so it fails here and has to be run with `-frandom-seed`.
 */
async function expectStable(bed: Bed, directory: string, calls: readonly Call[], plain: Outcome): Promise<void> {
  const again = await replay(bed, directory, calls, 'plain');
  expect(outcomeDifferences(plain, again), 'the plain compiler differs from itself').toEqual([]);
}

/** Compiles plain, cold and warm in the same directory and compares every file and every message. */
export async function verifyCalls(
  bed: Bed,
  directory: string,
  calls: readonly Call[],
  options: VerifyOptions = {},
): Promise<void> {
  expect(calls.length).toBeGreaterThan(0);
  const plain = await replay(bed, directory, calls, 'plain');
  const objects = [...plain.tree.keys()].filter((path) => path.endsWith('.o'));
  expect(objects.length).toBeGreaterThan(0);
  const before = await bed.stats();
  for (const when of ['cold', 'warm'] as const) {
    const found = await replay(bed, directory, calls, 'cached');
    const differences = outcomeDifferences(plain, found);
    if (differences.length > 0) await expectStable(bed, directory, calls, plain);
    expect(differences, when).toEqual([]);
  }
  const after = await bed.stats();
  const refused = after.refused - before.refused;
  expect(refused, `refused: ${JSON.stringify(after.refusals)}`).toBeLessThanOrEqual(2 * (options.refused ?? 0));
  const least = calls.length - refused / 2 - (options.unstored ?? 0);
  expect(after.hits - before.hits, JSON.stringify(after)).toBeGreaterThanOrEqual(least);
}

/** `HG_E2E=all` (`make verify-real`) runs everything; `make test` takes a part. */
export const verifyAll = process.env.HG_E2E === 'all';

/** Every nth of a list until there are `count`, first included; all of it when everything is to be verified. */
export function sample<T>(items: readonly T[], count: number): readonly T[] {
  if (verifyAll || items.length <= count) return items;
  return Array.from({ length: count }, (_, n) => items[Math.floor((n * items.length) / count)] as T);
}
