import { expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import type { Sight } from './file-snapshot.ts';
import { fileStates } from './file-state.ts';
import { sharedSight } from './grid/shared-sight.ts';
import { storeQueue } from './store-queue.ts';

const KEY = { a: sha256('a'), b: sha256('b') };

/** A queue over a clock that stands still until it is moved. */
function bed(longestMs = 600_000, together: number | undefined = 16) {
  const clock = { ms: 0 };
  const now = (): number => clock.ms;
  const sights = sharedSight(
    fileStates(() => BigInt(Date.now()) * 1_000_000n),
    now,
  );
  const failures: unknown[] = [];
  const queue = storeQueue({ sights, now, failed: (error) => failures.push(error) }, longestMs, together);
  const stored: { readonly name: string; readonly sight: Sight }[] = [];
  /** A compile that ends with a result, a millisecond after the one before. */
  const end = (name: keyof typeof KEY): void => {
    clock.ms += 1;
    queue.over();
    queue.add([KEY[name]], (sight) => Promise.resolve(void stored.push({ name, sight })));
    clock.ms += 1;
  };
  const names = (): readonly string[] => stored.map(({ name }) => name);
  const turns = async (): Promise<void> => {
    for (let left = 20; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, sights, queue, stored, failures, end, names, turns };
}

test('what ended while compiles go on is stored with the last of them, in order and in one sight', async () => {
  const { queue, stored, end, names, turns } = bed();
  queue.began();
  queue.began();
  end('a');
  await turns();
  expect(names()).toEqual([]);
  end('b');
  await turns();
  expect(names()).toEqual(['a', 'b']);
  expect(stored[0]?.sight).toBe(stored[1]?.sight);
  expect(queue.length).toBe(0);
});

test('where one is enough nothing waits for compiles that go on', async () => {
  const { queue, end, names, turns } = bed(600_000, 1);
  queue.began();
  queue.began();
  end('a');
  await turns();
  expect(names()).toEqual(['a']);
});

test('a compile alone is stored at once, and each of two with a sight of its own', async () => {
  const { queue, stored, end, turns } = bed();
  for (const name of ['a', 'b'] as const) {
    queue.began();
    end(name);
    await turns();
  }
  expect(stored).toHaveLength(2);
  expect(stored[0]?.sight).not.toBe(stored[1]?.sight);
});

test('a compile that failed keeps nobody waiting', async () => {
  const { queue, end, names, turns } = bed();
  queue.began();
  queue.began();
  end('a');
  queue.over();
  await turns();
  expect(names()).toEqual(['a']);
});

test('nothing waits longer than it may, though compiles go on', async () => {
  const { queue, end, names } = bed(10);
  queue.began();
  queue.began();
  end('a');
  await expect.poll(names).toEqual(['a']);
});

test('who asks for a key waits for its result, and not for those of others', async () => {
  const { queue, end, names, turns } = bed();
  queue.began();
  queue.began();
  end('a');
  await queue.upToDate([KEY.b]);
  await turns();
  expect(names()).toEqual([]);
  await queue.upToDate([KEY.b, KEY.a]);
  expect(names()).toEqual(['a']);
});

test('a sight taken for another compile serves what had ended before it', async () => {
  const { sights, queue, stored, end, turns } = bed();
  queue.began();
  queue.began();
  end('a');
  const sight = sights.take();
  await turns();
  expect(stored.map((one) => one.sight)).toEqual([sight]);
});

test('one that failed to be stored is reported and keeps nobody', async () => {
  const { queue, failures, end, names } = bed();
  queue.began();
  queue.began();
  queue.began();
  queue.over();
  queue.add([KEY.a], () => Promise.reject(new Error('away')));
  end('b');
  await queue.settled();
  expect(names()).toEqual(['b']);
  expect(failures).toEqual([new Error('away')]);
});

test('a sight that began before an end, or long ago, does not tell what a compile saw', () => {
  const { clock, sights } = bed();
  const early = sights.take();
  expect(sights.takeAfter(clock.ms)).not.toBe(early);
  clock.ms = 10;
  const later = sights.takeAfter(5);
  clock.ms = 40;
  expect(sights.takeAfter(5)).toBe(later);
  expect(sights.take()).toBe(later);
  clock.ms = 100;
  expect(sights.takeAfter(5)).not.toBe(later);
});
