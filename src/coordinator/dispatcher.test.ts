import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startDispatcher } from './dispatcher.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const OFFER = { id: 'w1', host: 'h', arch: 'x86_64', slots: 1, cores: 1, memoryBytes: 1, toolchains: undefined };

function attached() {
  let nowMs = 0;
  const dropped: string[] = [];
  const dispatcher = startDispatcher({
    heartbeatMs: 1000,
    queueLimit: 10,
    seed: 1,
    now: () => nowMs,
    log: () => {},
  });
  const port = { run: () => {}, cancel: () => {}, drop: (why: string) => void dropped.push(why) };
  const worker = dispatcher.attach(OFFER as never, port as never);
  return {
    dispatcher,
    worker,
    dropped,
    pass(ms: number) {
      nowMs += ms;
      vi.advanceTimersByTime(ms);
    },
    /** The process was stopped, or at work: a timer fires once, whatever it has missed. */
    stall(ms: number) {
      nowMs += ms;
      vi.advanceTimersByTime(1000);
    },
  };
}

test('a worker that says nothing for three heartbeats is lost', () => {
  const { pass, dropped, dispatcher } = attached();
  for (let second = 0; second < 5; second += 1) pass(1000);
  expect(dropped).toEqual(['no heartbeat']);
  dispatcher.stop();
});

test('while this process did not listen, nobody was silent: what they said is read first', () => {
  const { pass, stall, worker, dropped, dispatcher } = attached();
  pass(1000);
  worker.heartbeat();
  stall(10_000);
  expect(dropped).toEqual([]);
  worker.heartbeat();
  pass(1000);
  expect(dropped).toEqual([]);
  stall(10_000);
  for (let second = 0; second < 2; second += 1) pass(1000);
  expect(dropped, 'silent even so').toEqual(['no heartbeat']);
  dispatcher.stop();
});

test('one that is always busy loses silent workers all the same', () => {
  const { stall, dropped, dispatcher } = attached();
  for (let times = 0; times < 3; times += 1) stall(2500);
  expect(dropped).toEqual(['no heartbeat']);
  dispatcher.stop();
});
