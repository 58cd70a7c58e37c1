import { expect, test } from 'vitest';
import { outage } from './outage.ts';

function bed(answers: readonly boolean[]) {
  let clock = 0;
  let asked = 0;
  const way = outage({
    now: () => clock,
    probe: async () => answers[asked++] ?? true,
  });
  const pass = async (ms: number): Promise<boolean> => {
    clock += ms;
    way.isGood();
    await new Promise((resolve) => setImmediate(resolve));
    return way.isGood();
  };
  return { way, pass, asked: () => asked };
}

test('after trouble it is left alone for a second, then asked in the background', async () => {
  const { way, pass, asked } = bed([true]);
  expect(way.isGood()).toBe(true);
  expect([way.lose(), way.lose()]).toEqual([true, false]);
  expect([await pass(999), asked()]).toEqual([false, 0]);
  expect([await pass(1), asked()]).toEqual([true, 1]);
});

test('the time doubles up to a minute; questions that fail together count once; what works ends it', async () => {
  const { way, pass, asked } = bed([false, false, false, false, false, false, false, true]);
  way.lose();
  way.lose();
  for (const seconds of [1, 2, 4, 8, 16, 32, 60]) {
    expect(await pass(seconds * 1_000 - 1)).toBe(false);
    await pass(1);
  }
  expect(asked()).toBe(7);
  expect(await pass(60_000)).toBe(true);
  // It answers but does not do what is asked: still a minute.
  way.lose();
  expect(await pass(59_999)).toBe(false);
  expect(await pass(1)).toBe(true);
  way.worked();
  way.lose();
  expect(await pass(1_000)).toBe(true);
});

test('where nothing can be asked, time alone decides', () => {
  let clock = 0;
  const way = outage({ now: () => clock });
  way.lose();
  expect(way.isGood()).toBe(false);
  clock = 1_000;
  expect(way.isGood()).toBe(true);
  way.lose();
  clock = 2_999;
  expect(way.isGood()).toBe(false);
});
