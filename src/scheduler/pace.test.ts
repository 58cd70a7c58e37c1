import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newPace, notePace, type Pace, SPEED_CLASSES, speedClass } from './pace.ts';

function after(tasks: readonly (readonly [workMs: number, tookMs: number])[]): Pace {
  const pace = newPace();
  for (const [workMs, tookMs] of tasks) notePace(pace, workMs, tookMs, 500);
  return pace;
}

test('a worker is as fast as its work in its time', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 6, noNaN: true }),
      fc.array(fc.integer({ min: 50, max: 5000 }), { minLength: 60, maxLength: 100 }),
      (speed, works) => {
        const { speed: found } = after(works.map((workMs) => [workMs, workMs / speed]));
        expect(found / speed).toBeGreaterThan(0.8);
        expect(found / speed).toBeLessThan(1.25);
      },
    ),
  );
});

test('one odd task makes no snail, and what ends at once no marvel', () => {
  expect(after([[500, 3000]]).speed).toBeGreaterThan(0.3);
  expect(after(Array<[number, number]>(100).fill([500, 1])).speed).toBeLessThanOrEqual(8);
  expect(after(Array<[number, number]>(100).fill([1, 60_000])).speed).toBeGreaterThanOrEqual(1 / 16);
});

test('what was long ago is forgotten', () => {
  const slow = Array<[number, number]>(100).fill([500, 2500]);
  const fast = Array<[number, number]>(80).fill([500, 500]);
  expect(after([...slow, ...fast]).speed).toBeGreaterThan(0.9);
});

test('every speed has its class, the faster the higher', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 99_999 }))), (tasks) => {
      const { speed } = after(tasks);
      const found = speedClass(speed);
      expect(found).toBeGreaterThanOrEqual(0);
      expect(found).toBeLessThan(SPEED_CLASSES);
      expect(speedClass(Math.min(8, speed * 1.2))).toBeGreaterThanOrEqual(found);
    }),
  );
});
