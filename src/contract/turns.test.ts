import { expect, test } from 'vitest';
import { takingTurns } from './turns.ts';

test('long work lets others have their turn, short work does not wait for any', async () => {
  let ticks = 0;
  const ticking = setInterval(() => {
    ticks += 1;
  }, 5);
  const short = takingTurns();
  for (let step = 0; step < 100; step += 1) await short();
  expect(ticks).toBe(0);
  const long = takingTurns();
  const ends = performance.now() + 300;
  while (performance.now() < ends) await long();
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(3);
});
