import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Away, type Place, type WayHome, wayHome } from './way-home.ts';

interface Bed {
  readonly home: WayHome;
  readonly grid: Place;
  pass(ms: number): void;
}

function bed(capacity: number | undefined = 4): Bed {
  let nowMs = 0;
  const home = wayHome(() => nowMs);
  return {
    home,
    grid: { capacity: () => capacity },
    pass(ms) {
      nowMs += ms;
    },
  };
}

/** Teaches what a file takes at both places. */
function learn({ home, grid, pass }: Bed, name: string, hereMs: number, thereMs: number): void {
  home.tookHere(name, hereMs);
  const away = home.left(name, grid);
  pass(thereMs);
  home.back(away, thereMs);
}

test('a compile that would be done sooner here comes home, once make wants no core for itself', () => {
  const b = bed();
  learn(b, 'slow-there', 1_000, 4_000);
  b.home.stir();
  const away = b.home.left('slow-there', b.grid);
  expect(b.home.isWanted(away)).toBe(false);
  b.pass(199);
  expect(b.home.isWanted(away)).toBe(false);
  b.pass(51);
  expect(b.home.isWanted(away)).toBe(true);
  b.home.stir();
  expect(b.home.isWanted(away)).toBe(false);
});

test('what is nearly done there stays, and what is late comes', () => {
  const b = bed();
  learn(b, 'a', 1_000, 2_000);
  const away = b.home.left('a', b.grid);
  b.pass(1_500);
  expect(b.home.isWanted(away)).toBe(false);
  b.pass(1_400);
  expect(b.home.isWanted(away)).toBe(false);
  b.pass(200);
  expect(b.home.isWanted(away)).toBe(true);
});

test('of several the one that gains most', () => {
  const b = bed();
  for (const [name, thereMs] of [
    ['short', 2_000],
    ['long', 9_000],
    ['middle', 5_000],
  ] as const)
    learn(b, name, 1_000, thereMs);
  const [short, long, middle] = ['short', 'long', 'middle'].map((name) => b.home.left(name, b.grid)) as [
    Away,
    Away,
    Away,
  ];
  b.pass(300);
  expect([short, long, middle].map((one) => b.home.isWanted(one))).toEqual([false, true, false]);
  b.home.back(long);
  expect([short, middle].map((one) => b.home.isWanted(one))).toEqual([false, true]);
});

test('one that is done here as well is wanted no more, and the next one is', () => {
  const b = bed();
  learn(b, 'long', 1_000, 9_000);
  learn(b, 'middle', 1_000, 5_000);
  const [long, middle] = ['long', 'middle'].map((name) => b.home.left(name, b.grid)) as [Away, Away];
  b.pass(300);
  expect([long, middle].map((one) => b.home.isWanted(one))).toEqual([true, false]);
  b.home.raced(long);
  expect([long, middle].map((one) => b.home.isWanted(one))).toEqual([false, true]);
});

test('what is more than the grid has slots for has hardly begun there', () => {
  const b = bed(1);
  const first = b.home.left('a', b.grid);
  expect(b.home.isCrowded(first)).toBe(false);
  const second = b.home.left('b', b.grid);
  expect(b.home.isCrowded(second)).toBe(true);
  b.home.back(first);
  expect(b.home.isCrowded(second)).toBe(false);
});

test('a file that nobody knows has a mean duration: it comes when it took five times that, or the workers are slow', () => {
  const b = bed();
  learn(b, 'a', 400, 400);
  const away = b.home.left('new', b.grid);
  b.pass(1_900);
  expect(b.home.isWanted(away)).toBe(false);
  b.pass(200);
  expect(b.home.isWanted(away)).toBe(true);
  const slow = bed();
  learn(slow, 'a', 400, 4_000);
  const other = slow.home.left('new', slow.grid);
  slow.pass(300);
  expect(slow.home.isWanted(other)).toBe(true);
});

test('the first compile of all is not believed lost before five seconds', () => {
  const b = bed(undefined);
  const away = b.home.left('first', b.grid);
  b.pass(5_000);
  expect(b.home.isWanted(away)).toBe(false);
  b.pass(100);
  expect(b.home.isWanted(away)).toBe(true);
});

test('nor the first of a grid, however short compiles are here', () => {
  const b = bed();
  b.home.tookHere('a', 20);
  const away = b.home.left('a', b.grid);
  b.pass(5_000);
  expect(b.home.isWanted(away)).toBe(false);
  b.pass(100);
  expect(b.home.isWanted(away)).toBe(true);
});

test('more than the grid has slots for: any, as soon as a core is free; and then they begin to count from here', () => {
  const b = bed(1);
  learn(b, 'a', 1_000, 1_000);
  const first = b.home.left('a', b.grid);
  const second = b.home.left('a', b.grid);
  b.home.stir();
  expect(b.home.isWanted(second)).toBe(true);
  b.pass(60_000);
  b.home.back(second);
  b.pass(900);
  expect(b.home.isWanted(first)).toBe(false);
  b.pass(700);
  expect(b.home.isWanted(first)).toBe(true);
});

test('time spent waiting for a turn is no duration', () => {
  const b = bed(1);
  learn(b, 'a', 1_000, 1_000);
  const first = b.home.left('a', b.grid);
  const second = b.home.left('a', b.grid);
  b.pass(60_000);
  b.home.back(first, 1_000);
  b.pass(1_000);
  b.home.back(second, 1_000);
  const third = b.home.left('a', b.grid);
  b.pass(1_600);
  expect(b.home.isWanted(third)).toBe(true);
});

test('it never brings home what is expected to take longer here', () => {
  const ms = fc.integer({ min: 1, max: 10_000 });
  fc.assert(
    fc.property(ms, ms, ms, (hereMs, thereMs, ageMs) => {
      const b = bed();
      learn(b, 'a', hereMs, thereMs);
      const away = b.home.left('a', b.grid);
      b.pass(ageMs);
      const isLate = ageMs > 1.5 * thereMs;
      const leftMs = isLate ? ageMs : Math.max(0, thereMs - ageMs);
      if (b.home.isWanted(away)) expect(hereMs).toBeLessThanOrEqual(0.75 * leftMs);
      else expect(hereMs > 0.75 * leftMs || leftMs - hereMs < 200).toBe(true);
    }),
  );
});
