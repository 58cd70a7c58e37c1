/**
 * A short run of `make simulate`: the scheduler on a simulated clock, under recorded durations. Everything comes from one
 * seed, so that times are facts here and no measurements.
 */
import { expect, test } from 'vitest';
import { agenda } from '../bench/simulate/agenda.ts';
import { lowerBoundMs } from '../bench/simulate/bound.ts';
import { contest, type Line, type Scenario } from '../bench/simulate/contest.ts';
import type { GridModel, ModelTask, ModelWorker } from '../bench/simulate/grid-model.ts';
import { lateBinding } from '../bench/simulate/late-binding.ts';
import { readRecording, recordedFiles } from '../bench/simulate/recording.ts';
import { type Subject, simulate, WORLD } from '../bench/simulate/world.ts';
import type { NamedEffect } from '../src/scheduler/by-name.ts';
import { RULES } from '../src/scheduler/state.ts';

const SCENARIO: Scenario = { seed: 5, workers: 60, clients: 4, tasksPerWorker: 200, jobs: 'all at once' };

function worker(id: string, slots: number, speed: number, more: Partial<ModelWorker> = {}): ModelWorker {
  const offer = { id, arch: 'x86_64', cores: slots, memoryBytes: 8e9, slots, lan: true };
  return { offer, speed, roundTripMs: 1, outages: [], ...more };
}

function gridOf(workers: readonly ModelWorker[], worksMs: readonly number[]): GridModel {
  const tasks = worksMs.map((workMs, i): ModelTask => ({ id: `t${i}`, client: 0, name: `f${i}`, workMs }));
  return { seed: 1, workers, clients: [{ name: 'c', tasks, jobs: tasks.length }] };
}

const scheduler = (): Subject => lateBinding('the scheduler', RULES, 1, WORLD.heartbeatMs);

test('the recording is of real compiles, C and C++', () => {
  const files = recordedFiles(readRecording());
  expect(files.length).toBe(323);
  expect(files.filter(({ name }) => name.endsWith('.c')).length).toBeGreaterThan(100);
  expect(files.filter(({ name }) => name.endsWith('.cc')).length).toBe(183);
  for (const { name, cpuMs } of files) expect(cpuMs, name).toBeGreaterThan(0);
});

test('the agenda is in order, and first come first served within a moment', () => {
  const plan = agenda<string>();
  for (const [atMs, what] of [
    [3, 'd'],
    [1, 'a'],
    [2, 'b'],
    [9, 'e'],
    [2, 'c'],
  ] as const)
    plan.add(atMs, what); // prettier-ignore
  const taken = [];
  for (let next = plan.next(); next !== undefined; next = plan.next()) taken.push(next.what);
  expect(taken.join('')).toBe('abcde');
});

test('the bound is the work over all slots, the longest tasks on the fastest, and what outages leave', () => {
  expect(lowerBoundMs(gridOf([worker('a', 2, 1), worker('b', 1, 2)], Array<number>(40).fill(100)))).toBe(1000);
  expect(lowerBoundMs(gridOf([worker('a', 2, 1), worker('b', 1, 2)], [3000, 10, 10]))).toBe(1500);
  expect(lowerBoundMs(gridOf([worker('a', 2, 1), worker('b', 1, 2)], [3000, 3000, 10]))).toBe(2000);
  const away = worker('b', 1, 1, { outages: [{ fromMs: 100, toMs: 400, isSeen: true }] });
  expect(lowerBoundMs(gridOf([worker('a', 1, 1), away], Array<number>(10).fill(100)))).toBe(650);
});

test('the world throws where a rule ends a task twice, forgets one, or gives more than there is', () => {
  const grid = gridOf([worker('a', 1, 1)], [100, 100]);
  const honest = scheduler();
  const twice: Subject = {
    name: 'twice',
    step: (event, nowMs) =>
      honest.step(event, nowMs).flatMap((e): NamedEffect[] => (e.kind === 'complete' ? [e, e] : [e])),
  };
  expect(() => simulate(twice, grid)).toThrow(/t0 ended twice/);
  const greedy: Subject = {
    name: 'greedy',
    step: (event) =>
      event.kind === 'task-submitted' ? [{ kind: 'assign', task: event.task.id, worker: 'a', waitedMs: 0 }] : [],
  };
  expect(() => simulate(greedy, grid)).toThrow(/more tasks than slots/);
});

test('a run repeats itself exactly, and every task ends once', () => {
  const [one, other] = [0, 1].map(() => {
    const { decisionsPerSecond, ...facts } = contest(SCENARIO, 'the scheduler', 'later');
    expect(decisionsPerSecond).toBeGreaterThan(0);
    return facts;
  });
  expect(one).toEqual(other);
  expect(one).toMatchObject({ tasks: 12_000, declined: 0 });
});

test('once it has learned it comes near to the bound; other rules do not', () => {
  const ratio = (rule: string, build: Line['build']): number => contest(SCENARIO, rule, build).ratio;
  const learned = contest(SCENARIO, 'the scheduler', 'later');
  expect(learned.ratio).toBeLessThanOrEqual(1.06);
  expect(learned.fairness).toBeGreaterThan(0.97);
  const fresh = ratio('the scheduler', 'first');
  expect(fresh).toBeGreaterThan(learned.ratio);
  expect(ratio('score of two free (before)', 'first')).toBeGreaterThan(fresh);
  expect(ratio('random', 'first')).toBeGreaterThan(3);
});

test('a worker that dies silently at the end holds up nobody for three heartbeats', () => {
  const dies = worker('dies', 4, 1, { outages: [{ fromMs: 900, toMs: 1e6, isSeen: false }] });
  const grid = gridOf([dies, worker('stays', 4, 1)], Array<number>(40).fill(400));
  const withoutCopies = lateBinding('no copies', { ...RULES, copies: false }, 1, WORLD.heartbeatMs);
  expect(simulate(withoutCopies, grid).makespanMs).toBeGreaterThan(3 * WORLD.heartbeatMs);
  expect(simulate(scheduler(), grid).makespanMs).toBeLessThan(WORLD.heartbeatMs);
});
