import { expect, test } from 'vitest';
import { admits, newCircuit, noteEnd, noteStart, noteTime, OPEN_MS } from './circuit.ts';

function after(...failures: readonly boolean[]) {
  const circuit = newCircuit();
  for (const bad of failures) noteEnd(circuit, 1, bad ? 'bad' : 'good', 0);
  return circuit;
}

test('opens at three failures of five, not before', () => {
  expect(after(true, true, true, true).phase).toBe('closed');
  expect(after(false, false, true, true, true).phase).toBe('open');
  expect(after(false, false, false, true, true).phase).toBe('closed');
});

test('looks at the last twenty only', () => {
  const circuit = after(...Array<boolean>(40).fill(false), ...Array<boolean>(11).fill(true));
  expect(circuit.phase).toBe('closed');
  noteEnd(circuit, 1, 'bad', 0);
  expect(circuit.phase).toBe('open');
});

test('refusals that are nobody’s fault do not count', () => {
  const circuit = newCircuit();
  for (let i = 0; i < 50; i += 1) noteEnd(circuit, 1, 'neither', 0);
  expect(circuit).toEqual(newCircuit());
});

test('after half a minute one task decides', () => {
  const circuit = after(true, true, true, true, true);
  expect(admits(circuit)).toBe(false);
  expect(noteTime(circuit, OPEN_MS - 1)).toBe(false);
  expect(noteTime(circuit, OPEN_MS)).toBe(true);
  expect(admits(circuit)).toBe(true);
  noteStart(circuit, 2);
  expect(admits(circuit)).toBe(false);
  noteEnd(circuit, 3, 'good', OPEN_MS);
  expect(circuit.phase).toBe('half-open');
  noteEnd(circuit, 2, 'bad', OPEN_MS);
  expect(circuit.phase).toBe('open');
  noteTime(circuit, 2 * OPEN_MS);
  noteStart(circuit, 4);
  noteEnd(circuit, 4, 'good', 2 * OPEN_MS);
  expect(circuit).toEqual({ ...newCircuit(), untilMs: 2 * OPEN_MS });
});
