import { expect, test } from 'vitest';
import { localSlots, type Slot } from './local-slots.ts';

const never = new AbortController().signal;
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('as many at once as allowed, the next in the order of asking', async () => {
  const slots = localSlots();
  const first = slots.tryTake(1);
  expect(first).toBeDefined();
  expect(slots.tryTake(1)).toBeUndefined();
  const order: string[] = [];
  const ask = async (name: string): Promise<Slot | undefined> => {
    const slot = await slots.take(1, never);
    order.push(name);
    return slot;
  };
  const asked = [ask('a'), ask('b')];
  await settled();
  expect(order).toEqual([]);
  first?.release();
  first?.release();
  (await asked[0])?.release();
  (await asked[1])?.release();
  expect(order).toEqual(['a', 'b']);
  expect(slots.taken).toBe(0);
});

test('nobody jumps the queue, and who leaves it is not waited for', async () => {
  const slots = localSlots();
  const first = slots.tryTake(1);
  const leaving = new AbortController();
  const left = slots.take(1, leaving.signal);
  const stays = slots.take(1, never);
  leaving.abort();
  expect(await left).toBeUndefined();
  first?.release();
  expect(slots.tryTake(1)).toBeUndefined();
  (await stays)?.release();
  expect(slots.tryTake(1)).toBeDefined();
});

test('a limit of none still lets one compile at a time happen here', async () => {
  const slots = localSlots();
  expect(slots.tryTake(0)).toBeUndefined();
  const slot = await slots.take(0, never);
  expect(slot).toBeDefined();
  expect(await Promise.race([slots.take(0, never), settled()])).toBeUndefined();
});

test('a spare slot goes to the last to ask, and only if nobody has to wait for one here', async () => {
  const slots = localSlots();
  const first = slots.tryTake(1);
  const order: string[] = [];
  const spare = (name: string, over: AbortSignal) =>
    slots
      .takeSpare(() => 1, over)
      .then((slot) => {
        order.push(slot === undefined ? `${name} left` : name);
        return slot;
      });
  const gone = new AbortController();
  const waits = [spare('early', never), spare('gone', gone.signal), spare('late', never)];
  const here = slots.take(1, never);
  gone.abort();
  first?.release();
  (await here)?.release();
  (await waits[2])?.release();
  (await waits[0])?.release();
  expect(order).toEqual(['gone left', 'late', 'early']);
});

test('a slot that is free when somebody asks for a spare one is given at once, and one that a grown limit frees as well', async () => {
  const slots = localSlots();
  let limit = 1;
  const first = await slots.takeSpare(() => limit, never);
  expect(first).toBeDefined();
  const second = slots.takeSpare(() => limit, never);
  expect(await Promise.race([second, settled()])).toBeUndefined();
  limit = 2;
  slots.again();
  expect(await second).toBeDefined();
  expect(slots.taken).toBe(2);
});
