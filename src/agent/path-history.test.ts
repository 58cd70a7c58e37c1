import { expect, test } from 'vitest';
import { pathHistory, type Start } from './path-history.ts';

const MS = 1_000_000n;
/** No whole second. */
const STARTED = 1_700_000_000_123_456_789n;
/** A kernel that ticks every 4 ms, 3 ms after a tick. */
const START: Start = { startedNs: STARTED, stampsFromNs: STARTED - 3n * MS };

const stampAt = (at: bigint) => ({ dev: 1n, ino: 2n, size: 3n, mtime: at, ctime: at - 100n });
const own = pathHistory(
  () => STARTED,
  () => true,
);
const foreign = pathHistory(
  () => STARTED,
  () => false,
);

test('where this kernel stamps, all before the tick of the start was before; elsewhere a margin is kept', () => {
  const earlier = stampAt(START.stampsFromNs - 1n);
  expect(own.predates(earlier, START)).toBe(true);
  expect(foreign.predates(earlier, START)).toBe(false);
  for (const history of [own, foreign]) {
    expect(history.predates(stampAt(START.stampsFromNs), START), 'of the same tick').toBe(false);
    expect(history.predates(stampAt(STARTED), START)).toBe(false);
    expect(history.predates(stampAt(STARTED - 10n * MS), START)).toBe(true);
  }
});

test('the later of both stamps counts, and a stamp without a fraction of a second may be two seconds late', () => {
  const touched = { ...stampAt(0n), ctime: STARTED };
  expect(own.predates(touched, START)).toBe(false);
  const second = 1_000_000_000n;
  const whole = (STARTED / second) * second;
  expect(own.predates(stampAt(whole - second), START)).toBe(false);
  expect(own.predates(stampAt(whole - 2n * second), START)).toBe(true);
});
