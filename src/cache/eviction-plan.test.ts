import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CachedFile, diskBytes, EVICT_TO, planEviction } from './eviction-plan.ts';

/** Files with few distinct times, many, or one far off: every way through the buckets. */
function files(maxLength: number): fc.Arbitrary<CachedFile[]> {
  const time = fc.oneof(fc.nat(5), fc.nat(1_000_000), fc.constantFrom(0, 1e12, 1e12 + 0.25, 1e12 + 0.5));
  return fc
    .array(fc.record({ bytes: fc.nat(20).map((blocks) => blocks * 4096), usedMs: time }), { maxLength })
    .map((list) => list.map((file, at) => ({ ...file, path: `/${at}` })));
}

function total(list: readonly CachedFile[]): number {
  return list.reduce((sum, file) => sum + file.bytes, 0);
}

function holds(list: readonly CachedFile[], limit: number, share: number): void {
  const { evict, bytesBefore, bytesAfter } = planEviction(list, limit, share);
  const gone = new Set(evict);
  const kept = list.filter((file) => !gone.has(file));
  expect(gone.size).toBe(evict.length);
  expect(bytesBefore).toBe(total(list));
  expect(bytesAfter).toBe(total(kept));
  if (bytesBefore <= limit) {
    expect(evict).toEqual([]);
    return;
  }
  expect(bytesAfter).toBeLessThanOrEqual(limit * share);
  const newestGone = evict.reduce((newest, file) => Math.max(newest, file.usedMs), Number.NEGATIVE_INFINITY);
  for (const file of kept) expect(file.usedMs).toBeGreaterThanOrEqual(newestGone);
  // No more than needed: with the newest of them back, which may be any of its time, it would be too much.
  const smallestNewest = Math.max(...evict.filter((file) => file.usedMs === newestGone).map((file) => file.bytes));
  expect(bytesAfter + smallestNewest).toBeGreaterThan(limit * share);
}

describe('an eviction plan', () => {
  test('keeps the most recently used and as much as fits', () => {
    fc.assert(
      fc.property(files(40), fc.nat(2_000_000), fc.constantFrom(0.5, EVICT_TO, 1), (list, limit, share) => {
        holds(list, limit, share);
      }),
      { numRuns: 500 },
    );
  });

  test('does so for thousands of files', () => {
    fc.assert(
      fc.property(fc.array(files(40), { minLength: 90, maxLength: 150, size: 'max' }), fc.nat(80), (lists, percent) => {
        const list = lists.flat().map((file, at) => ({ ...file, path: `/${at}` }));
        holds(
          [...list, ...list.map((file) => ({ ...file, path: `${file.path}b` }))],
          total(list) * (percent / 50),
          EVICT_TO,
        );
      }),
      { numRuns: 30 },
    );
  });

  test('evicts all for no limit at all, and nothing without one', () => {
    const list = [{ path: '/a', bytes: 4096, usedMs: 1 }];
    expect(planEviction(list, 0).evict).toEqual(list);
    expect(planEviction(list, Number.POSITIVE_INFINITY).evict).toEqual([]);
  });

  test('a hundred thousand files do not hold up the agent', () => {
    const list = Array.from({ length: 100_000 }, (_, at) => ({
      path: `/${at}`,
      bytes: 4096,
      usedMs: (at * 7919) % 100_003,
    }));
    const start = performance.now();
    expect(planEviction(list, total(list) * 0.95).evict).toHaveLength(14_500);
    // Measured 20-60 ms; sorting all took 160.
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('counts whole blocks', () => {
    expect([0, 1, 4096, 4097].map(diskBytes)).toEqual([0, 4096, 4096, 8192]);
  });
});
