import { expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import type { Sight } from './file-snapshot.ts';
import { fileStates } from './file-state.ts';
import { sharedSight } from './grid/shared-sight.ts';
import { storeQueue } from './store-queue.ts';

const KEY = { a: sha256('a'), b: sha256('b') };

/** A queue over a clock that stands still until it is moved. */
function bed() {
  const clock = { ms: 0 };
  const now = (): number => clock.ms;
  const sights = sharedSight(
    fileStates(() => BigInt(Date.now()) * 1_000_000n),
    now,
  );
  const failures: unknown[] = [];
  const queue = storeQueue({ sights, now, failed: (error) => failures.push(error) });
  const stored: { readonly name: string; readonly sight: Sight }[] = [];
  /** A compile that ends with a result, a millisecond after the one before. */
  const end = (name: keyof typeof KEY): void => {
    clock.ms += 1;
    queue.add([KEY[name]], (sight) => Promise.resolve(void stored.push({ name, sight })));
    clock.ms += 1;
  };
  const names = (): readonly string[] => stored.map(({ name }) => name);
  return { clock, sights, queue, stored, failures, end, names };
}

test('what ends is stored in order, though compiles go on; what ended before one look shares it', async () => {
  const { queue, stored, end, names } = bed();
  queue.began();
  queue.began();
  end('a');
  end('b');
  expect(queue.length).toBe(2);
  await queue.settled();
  expect(names()).toEqual(['a', 'b']);
  expect(stored[0]?.sight).toBe(stored[1]?.sight);
  expect([queue.length, queue.underWay]).toEqual([0, 2]);
});

test('each of two that end one after the other is stored with a sight of its own', async () => {
  const { queue, stored, end } = bed();
  for (const name of ['a', 'b'] as const) {
    end(name);
    await queue.settled();
  }
  expect(stored[0]?.sight).not.toBe(stored[1]?.sight);
});

test('who asks for a key waits for its result, and not for those of others', async () => {
  const { queue, end, names } = bed();
  end('a');
  end('b');
  await queue.upToDate([]);
  expect(names()).toEqual([]);
  await queue.upToDate([KEY.a]);
  expect(names()).toEqual(['a']);
  await queue.upToDate([KEY.b]);
  expect(names()).toEqual(['a', 'b']);
});

test('one that failed to be stored is reported and keeps nobody', async () => {
  const { queue, failures, end, names } = bed();
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
