import { expect, test } from 'vitest';
import { uploadQueue } from './upload-queue.ts';

const MIB = 1 << 20;

function bed() {
  const begun: string[] = [];
  const letGo: (() => void)[] = [];
  let dropped = 0;
  const queue = uploadQueue(() => {
    dropped += 1;
  });
  const add = (name: string, bytes = 1): void =>
    queue.add(bytes, () => {
      begun.push(name);
      return new Promise((resolve) => letGo.push(resolve));
    });
  return { begun, letGo, queue, add, dropped: () => dropped };
}

test('a few are sent at once, the others in their order; a flush waits for all', async () => {
  const { begun, letGo, queue, add } = bed();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) add(name);
  expect([begun.join(''), queue.waiting]).toEqual(['abcd', 6]);
  let isFlushed = false;
  const flushed = queue.flush().then(() => {
    isFlushed = true;
  });
  while (queue.waiting > 0) {
    expect(isFlushed).toBe(false);
    letGo.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await flushed;
  expect(begun.join('')).toBe('abcdef');
});

test('what would take too much memory is dropped, and said once', () => {
  const { begun, add, dropped } = bed();
  add('large', 60 * MIB);
  for (const name of ['too much', 'again']) add(name, 10 * MIB);
  add('small', 1);
  expect(begun).toEqual(['large', 'small']);
  expect(dropped()).toBe(1);
});

test('no more wait than a few thousand, however small; a failure keeps nobody', async () => {
  const { queue, add, dropped } = bed();
  queue.add(1, () => Promise.reject(new Error('away')));
  await new Promise((resolve) => setImmediate(resolve));
  expect(queue.waiting).toBe(0);
  await queue.flush();
  for (let i = 0; i < 3_000; i += 1) add('x', 0);
  expect(queue.waiting).toBeLessThan(2_100);
  expect(dropped()).toBe(1);
});
