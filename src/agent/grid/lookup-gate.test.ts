import { expect, test } from 'vitest';
import { lookupGate } from './lookup-gate.ts';

test('after many misses in a row few questions go through, and the first answer opens it again', () => {
  const gate = lookupGate();
  const through = (count: number): number => Array.from({ length: count }, () => gate.isOpen()).filter(Boolean).length;
  for (let i = 0; i < 15; i += 1) gate.missed();
  expect(through(10)).toBe(10);
  gate.missed();
  expect(through(80)).toBe(10);
  gate.found();
  expect(through(10)).toBe(10);
});
