import { expect, test } from 'vitest';
import {
  DURATION_CLASSES,
  durationClass,
  durationOf,
  newDurations,
  noteDuration,
  numberOf,
  teach,
  UNHEARD,
  workOf,
} from './durations.ts';

test('half of what is known of a name is its last time', () => {
  const durations = newDurations();
  for (const tookMs of [800, 400, 400]) {
    noteDuration(durations, 'f', numberOf(durations, 'f'), tookMs, 1);
  }
  expect(durationOf(durations, 'f')?.workMs).toBe(500);
  expect(durationOf(durations, 'g')).toBeUndefined();
});

test('time on a fast worker is more work', () => {
  const durations = newDurations();
  noteDuration(durations, 'f', UNHEARD, 100, 2);
  expect(durationOf(durations, 'f')?.workMs).toBe(200);
  expect(durations).toMatchObject({ meanMs: 200, meanSpeed: 2 });
});

test('names that nobody asked for lately are forgotten, those in use are not many', () => {
  const durations = newDurations();
  for (let i = 0; i < 500_000; i += 1) teach(durations, `f${i}`, 10);
  expect(durationOf(durations, 'f0')).toBeUndefined();
  expect(durationOf(durations, 'f499999')).toEqual({ workMs: 10 });
  expect(durations.recent.numbers.size + durations.older.numbers.size).toBeLessThanOrEqual(400_000);
});

test('longer is a higher class, and unknown the highest', () => {
  const classes = [1, 20, 30, 100, 1000, 10_000, 1e9].map(durationClass);
  expect([...classes].sort((a, b) => a - b)).toEqual(classes);
  expect(durationClass(0)).toBe(DURATION_CLASSES - 1);
  expect(durationClass(1e9)).toBe(DURATION_CLASSES - 2);
});

test("a task that began before its name was forgotten teaches nobody else's", () => {
  const durations = newDurations();
  teach(durations, 'f', 10);
  const before = numberOf(durations, 'f');
  for (let i = 0; i < 400_000; i += 1) teach(durations, `f${i}`, 20);
  noteDuration(durations, 'f', before, 500, 1);
  expect(workOf(durations, before)).toBe(0);
  for (const i of [0, 1, 199_999, 200_000, 399_999])
    expect([undefined, 20]).toContain(durationOf(durations, `f${i}`)?.workMs);
  expect(durationOf(durations, 'f399999')?.workMs).toBe(20);
});
