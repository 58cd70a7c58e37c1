import { expect, test } from 'vitest';
import { shareQueue } from './share-queue.ts';

const MIB = 1 << 20;
const turn = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function bed() {
  const sent: string[] = [];
  const machine = { busy: true };
  const queue = shareQueue(() => machine.busy, 100);
  const add = (name: string, bytes = 1): void =>
    queue.add(bytes, async () => {
      await turn();
      sent.push(name);
    });
  return { sent, machine, queue, add };
}

test('nothing is sent until the machine has not compiled for a while; then all of it, in order', async () => {
  const { sent, machine, add } = bed();
  add('a');
  add('b');
  await turn(250);
  expect(sent).toEqual([]);
  machine.busy = false;
  await turn(600);
  expect(sent).toEqual(['a', 'b']);
});

test('what would take too much memory is sent all the same', async () => {
  const { sent, add } = bed();
  add('large', 60 * MIB);
  add('too much', 10 * MIB);
  await turn(300);
  expect(sent).toEqual(['large']);
});

test('a flush waits for nothing but the sending; a failure keeps nobody', async () => {
  const { sent, queue, add } = bed();
  add('a');
  queue.add(1, () => Promise.reject(new Error('away')));
  add('b');
  await queue.flush();
  expect(sent).toEqual(['a', 'b']);
  await queue.flush();
});
