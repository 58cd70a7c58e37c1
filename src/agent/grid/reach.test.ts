import { expect, test } from 'vitest';
import { reach, Silent } from './reach.ts';

const TIMES = { everyMs: 2, awayMs: 20 };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const dead = (): Promise<never> => Promise.reject(new Error('silence'));

test('who waits for one that is silent is let go; one that answers is waited for', async () => {
  let answers = true;
  let asked = 0;
  const ask = (): Promise<unknown> => {
    asked += 1;
    return answers ? Promise.resolve() : dead();
  };
  const way = reach({ ask, now: () => performance.now(), times: TIMES });
  await expect(way.during(() => pause(40).then(() => 'done'))).resolves.toBe('done');
  expect(asked).toBeGreaterThan(2);
  answers = false;
  let told: AbortSignal | undefined;
  const waiting = way.during((alive) => {
    told = alive;
    return new Promise(() => {});
  });
  await expect(waiting).rejects.toThrow(Silent);
  expect(told?.aborted).toBe(true);
  const before = asked;
  await pause(20);
  expect(asked, 'nobody waits, nothing is asked').toBe(before);
});

test('one that has just said something is not asked', async () => {
  let asked = 0;
  const ask = (): Promise<unknown> => {
    asked += 1;
    return dead();
  };
  const way = reach({ ask, now: () => performance.now(), times: { everyMs: 20, awayMs: 20 } });
  const talk = setInterval(way.hear, 5);
  await expect(way.during(() => pause(150).then(() => 'done'))).resolves.toBe('done');
  expect(asked).toBeLessThanOrEqual(1);
  clearInterval(talk);
  await expect(way.during(() => new Promise(() => {}))).rejects.toThrow(Silent);
});

test('one answer of two that is late is no silence', async () => {
  let asked = 0;
  const ask = (): Promise<unknown> => {
    asked += 1;
    return asked % 2 === 1 ? dead() : Promise.resolve();
  };
  const way = reach({ ask, now: () => performance.now(), times: TIMES });
  await expect(way.during(() => pause(40).then(() => 'done'))).resolves.toBe('done');
});

test('after a loss nobody waits before there was a sign of life', async () => {
  let answers = false;
  let nowMs = 0;
  const way = reach({ ask: () => (answers ? Promise.resolve() : dead()), now: () => nowMs, times: TIMES });
  expect([way.isGood(), way.lose(), way.lose(), way.isGood()]).toEqual([true, true, false, false]);
  nowMs = 20;
  expect(way.isGood(), 'asking').toBe(false);
  await pause(1);
  answers = true;
  expect(way.isGood(), 'no answer: away once more').toBe(false);
  nowMs = 40;
  expect(way.isGood(), 'asking again').toBe(false);
  await pause(1);
  expect(way.isGood()).toBe(true);
});
