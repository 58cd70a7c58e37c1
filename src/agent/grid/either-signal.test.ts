import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { eitherSignal } from './either-signal.ts';

test('it aborts with the first of the others, for the same reason', () => {
  const [one, two] = [new AbortController(), new AbortController()];
  const { signal } = eitherSignal(one.signal, two.signal);
  expect(signal.aborted).toBe(false);
  two.abort('two');
  one.abort('one');
  expect(signal.reason).toBe('two');
});

test('it is aborted from the start where another one is', () => {
  expect(eitherSignal(new AbortController().signal, AbortSignal.abort('over')).signal.reason).toBe('over');
});

test('it can be told to, which the others do not notice', () => {
  const other = new AbortController();
  const either = eitherSignal(other.signal);
  either.abort('told');
  expect(either.signal.reason).toBe('told');
  expect(other.signal.aborted).toBe(false);
});

test('once released it holds on to nothing', () => {
  const other = new AbortController();
  const either = eitherSignal(other.signal);
  expect(getEventListeners(other.signal, 'abort')).toHaveLength(1);
  either.release();
  expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
  other.abort();
  expect(either.signal.aborted).toBe(false);
});
