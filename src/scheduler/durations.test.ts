import { expect, test } from 'vitest';
import { DURATION_CLASSES, durationClass, durationOf, newDurations, noteDuration, teach } from './durations.ts';

test('half of what is known of a name is its last time', () => {
  const durations = newDurations();
  for (const tookMs of [800, 400, 400]) {
    noteDuration(durations, 'f', durationOf(durations, 'f'), tookMs, 1);
  }
  expect(durationOf(durations, 'f')?.workMs).toBe(500);
  expect(durationOf(durations, 'g')).toBeUndefined();
});

test('time on a fast worker is more work', () => {
  const durations = newDurations();
  noteDuration(durations, 'f', undefined, 100, 2);
  expect(durationOf(durations, 'f')?.workMs).toBe(200);
  expect(durations).toMatchObject({ meanMs: 200, meanSpeed: 2 });
});

test('names that nobody asked for lately are forgotten, those in use are not many', () => {
  const durations = newDurations();
  for (let i = 0; i < 500_000; i += 1) teach(durations, `f${i}`, 10);
  expect(durationOf(durations, 'f0')).toBeUndefined();
  expect(durationOf(durations, 'f499999')).toEqual({ workMs: 10 });
  expect(durations.recent.size + durations.older.size).toBeLessThanOrEqual(400_000);
});

test('longer is a higher class, and unknown the highest', () => {
  const classes = [1, 20, 30, 100, 1000, 10_000, 1e9].map(durationClass);
  expect([...classes].sort((a, b) => a - b)).toEqual(classes);
  expect(durationClass(0)).toBe(DURATION_CLASSES - 1);
  expect(durationClass(1e9)).toBe(DURATION_CLASSES - 2);
});
