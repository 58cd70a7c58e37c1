import { expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { verifyChoice } from './verify-choice.ts';

const keys = Array.from({ length: 20_000 }, (_, n) => sha256(String(n)));
const chosen = (seed: string, share: number): number[] => {
  const choice = verifyChoice(seed);
  return keys.flatMap((key, n) => (choice.chooses(key, share) ? [n] : []));
};

test('the same seed chooses the same deliveries, another one others, about as many as wanted', () => {
  expect(chosen('seed', 0.01)).toEqual(chosen('seed', 0.01));
  expect(chosen('seed', 0.01)).not.toEqual(chosen('other', 0.01));
  for (const share of [0.005, 0.01, 0.3]) {
    const found = chosen('seed', share).length / keys.length;
    expect(found).toBeGreaterThan(share * 0.7);
    expect(found).toBeLessThan(share * 1.3);
  }
});

test('off is none and 100% is all', () => {
  expect(chosen('seed', 0)).toEqual([]);
  expect(chosen('seed', 1)).toHaveLength(keys.length);
});

test('a file that is delivered again and again is chosen in the end', () => {
  const choice = verifyChoice('seed');
  const one = sha256('one');
  expect(Array.from({ length: 2000 }, () => choice.chooses(one, 0.01)).filter(Boolean).length).toBeGreaterThan(5);
});
