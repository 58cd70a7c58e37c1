import { expect, test } from 'vitest';
import { type VerifyQueue, verifyQueue } from './verify-queue.ts';

interface Run {
  readonly sample: number;
  readonly signal: AbortSignal;
  finish(): void;
}

/** A queue whose work the test ends. */
function queueOf(isBusy: () => boolean): {
  queue: VerifyQueue<number>;
  runs: Run[];
  dropped: number[];
  begun: (count: number) => Promise<void>;
} {
  const runs: Run[] = [];
  const dropped: number[] = [];
  let told = (): void => {};
  const check = (sample: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      runs.push({ sample, signal, finish: resolve });
      signal.addEventListener('abort', () => resolve(), { once: true });
      told();
    });
  const queue = verifyQueue<number>({ isBusy, check, dropped: (n) => dropped.push(n), failed: () => {} }, 0);
  const begun = async (count: number): Promise<void> => {
    while (runs.length < count)
      await new Promise<void>((resolve) => {
        told = resolve;
      });
  };
  return { queue, runs, dropped, begun };
}

test('one at a time, in their order', async () => {
  const { queue, runs, begun } = queueOf(() => false);
  queue.add(1);
  queue.add(2);
  await begun(1);
  expect([runs.map(({ sample }) => sample), queue.length]).toEqual([[1], 2]);
  runs[0]?.finish();
  await begun(2);
  expect([runs.map(({ sample }) => sample), queue.length]).toEqual([[1, 2], 1]);
  queue.stop();
});

test('what is disturbed begins again, before the others', async () => {
  const { queue, runs, begun } = queueOf(() => false);
  queue.add(1);
  queue.add(2);
  await begun(1);
  queue.disturb();
  expect(runs[0]?.signal.aborted).toBe(true);
  await begun(2);
  expect(runs[1]?.sample).toBe(1);
  queue.stop();
  expect(runs[1]?.signal.aborted).toBe(true);
});

test('nothing begins while this machine is busy, and of too many the oldest fall out', async () => {
  let isBusy = true;
  const { queue, runs, dropped, begun } = queueOf(() => isBusy);
  for (let n = 1; n <= 40; n += 1) queue.add(n);
  expect(dropped).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect([runs.length, queue.length]).toEqual([0, 32]);
  isBusy = false;
  await begun(1);
  expect(runs[0]?.sample).toBe(9);
  queue.stop();
});
