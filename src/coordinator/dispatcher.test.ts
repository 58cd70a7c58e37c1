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

test('an answer about a task that is over is not taken for the task that has its number now', () => {
  const { dispatcher, worker } = attached();
  const ends: string[] = [];
  const submit = (taskId: string): void =>
    dispatcher.submit({
      task: { taskId, spec: new Uint8Array(), timeoutMs: 0, client: 'c' } as never,
      arch: 'x86_64',
      toolchain: `of ${taskId}`,
      pinnedTo: '',
      name: '',
      ended: ({ kind }) => void ends.push(`${taskId} ${kind}`),
    });
  const result = {} as never;
  submit('a');
  expect(worker.toolchainOf('a')).toBe('of a');
  worker.ended('a', { kind: 'ok', latencyMs: 0 }, result);
  submit('b');
  expect(worker.toolchainOf('a')).toBeUndefined();
  worker.ended('a', { kind: 'ok', latencyMs: 0 }, result);
  dispatcher.cancel('a');
  expect(ends).toEqual(['a result']);
  expect(worker.toolchainOf('b')).toBe('of b');
  worker.ended('b', { kind: 'ok', latencyMs: 0 }, result);
  expect(ends).toEqual(['a result', 'b result']);
  dispatcher.stop();
});

test('what is asked for while an end is told comes after all that the same event ends', () => {
  const { dispatcher, worker } = attached();
  const ends: string[] = [];
  const submit = (taskId: string, ended = () => {}): void =>
    dispatcher.submit({
      task: { taskId, spec: new Uint8Array(), timeoutMs: 0, client: 'c' } as never,
      arch: 'x86_64',
      toolchain: 'g',
      pinnedTo: '',
      name: '',
      ended: ({ kind }) => {
        ends.push(`${taskId} ${kind}`);
        ended();
      },
    });
  submit('a', () => submit('c'));
  submit('b');
  worker.detach();
  expect(ends).toEqual(['a declined', 'b declined', 'c declined']);
  expect([dispatcher.queued, dispatcher.active]).toEqual([0, 0]);
  dispatcher.stop();
});
