/** What one decision of the scheduler costs on a grid that is kept full. */
import type { SchedulerEffect, SchedulerEvent, TaskOutcome } from '../../src/scheduler/model.ts';
import { drawBelow, seededRandom } from '../../src/scheduler/random.ts';
import { transition } from '../../src/scheduler/scheduler.ts';
import { newScheduler } from '../../src/scheduler/state.ts';
import { reserveTask } from '../../src/scheduler/tasks.ts';
import { reserveWorker } from '../../src/scheduler/workers.ts';

export interface Load {
  readonly workers: number;
  /** Tasks that wait beside those that run. */
  readonly waiting: number;
  readonly decisions: number;
}

const SLOTS = 8;
const CLIENTS = 100;
const FILES = 5000;
const DONE: TaskOutcome = { kind: 'ok', latencyMs: 5 };

/** What is measured: how events are answered, and numbers as the answerer gives them out. */
interface Answerer {
  readonly newTask: () => number;
  readonly newWorker: () => number;
  readonly step: (event: SchedulerEvent, nowMs: number) => readonly SchedulerEffect[];
}

function scheduler(): Answerer {
  const state = newScheduler({ seed: 1, queueLimit: 1e9, heartbeatMs: 1e9 });
  return {
    newTask: () => reserveTask(state.tasks),
    newWorker: () => reserveWorker(state.crew),
    step: (event, nowMs) => transition(state, event, nowMs),
  };
}

/** Knows nothing and gives each task to the worker that became free: what is left is the cost of asking. */
function echo(): Answerer {
  const spare: number[] = [];
  let tasks = 0;
  let workers = 0;
  let free = -1;
  return {
    newTask: () => spare.pop() ?? tasks++,
    newWorker: () => workers++,
    step(event) {
      if (event.kind === 'task-ended') {
        spare.push(event.task);
        free = event.worker;
        return [{ kind: 'complete', task: event.task, worker: event.worker }];
      }
      if (event.kind !== 'task-submitted') return [];
      const worker = free < 0 ? event.task.id % workers : free;
      return [{ kind: 'assign', task: event.task.id, worker, waitedMs: 0 }];
    },
  };
}

/** Processor time from a task's submission to its end, in microseconds, all threads of this process together. */
export function decisionCostUs({ workers, waiting, decisions }: Load, answerer = scheduler()): number {
  const { newTask, newWorker, step } = answerer;
  const random = seededRandom(2);
  const slots = workers * SLOTS;
  const clients = Array.from({ length: CLIENTS }, (_, i) => `client${i}`);
  const files = Array.from({ length: FILES }, (_, i) => `file${i}`);
  /** What runs, a task and its worker side by side: one line of memory for both. */
  const running = new Int32Array(2 * slots);
  let size = 0;
  let submitted = 0;
  const note = (effects: readonly SchedulerEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind !== 'assign') continue;
      running[size] = effect.task;
      running[size + 1] = effect.worker;
      size += 2;
    }
  };
  const submit = (nowMs: number): void => {
    submitted += 1;
    const client = clients[submitted % CLIENTS] as string;
    const name = files[submitted % FILES] as string;
    const task = { id: newTask(), client, arch: 'x86_64', toolchain: 'g', pinnedTo: '', name };
    note(step({ kind: 'task-submitted', task }, nowMs));
  };
  const decide = (nowMs: number): void => {
    const at = 2 * drawBelow(random, size / 2);
    const task = running[at] as number;
    const worker = running[at + 1] as number;
    size -= 2;
    running[at] = running[size] as number;
    running[at + 1] = running[size + 1] as number;
    note(step({ kind: 'task-ended', task, worker, outcome: DONE }, nowMs));
    submit(nowMs);
  };

  for (let i = 0; i < workers; i += 1) {
    const offer = { id: `w${i}`, arch: 'x86_64', cores: SLOTS, memoryBytes: 16e9, slots: SLOTS, lan: true };
    step({ kind: 'worker-attached', worker: newWorker(), offer }, 0);
  }
  while (submitted < slots + waiting) submit(0);
  // As many again as run: what the engine learns of the code, and where objects live, has settled.
  const before = Math.max(slots, decisions / 4);
  for (let i = 0; i < before; i += 1) decide(i + FRACTION);
  const started = process.cpuUsage();
  for (let i = 0; i < decisions; i += 1) decide(before + i + FRACTION);
  const { user, system } = process.cpuUsage(started);
  return (user + system) / decisions;
}

/** Real clocks have no whole milliseconds; engines keep whole numbers where fractions need a box. */
const FRACTION = 0.25;

/** The same with nobody deciding: what the questions cost, and the memory of who asks them. */
export function askingCostUs(load: Load): number {
  return decisionCostUs(load, echo());
}

/** Of several rounds, because others work on the same machine. */
export interface Cost {
  readonly workers: number;
  readonly waiting: number;
  /** Of a decision, in microseconds of processor time: the median of the rounds, what asking costs included. */
  readonly us: number;
  /** What asking alone costs. */
  readonly askingUs: number;
  readonly perSecond: number;
  /** To the cost with the fewest workers. */
  readonly ratio: number;
}

const DECISIONS = 200_000;

/** Costs for each number of workers, with an empty queue and with a full one. Sizes take turns, so that all have the same weather. */
export function decisionCosts(sizes: readonly number[], rounds = 5): readonly Cost[] {
  // The first run is slower than all later ones: the engine has not compiled anything yet.
  for (const cost of [askingCostUs, decisionCostUs]) cost({ workers: 100, waiting: 100, decisions: DECISIONS });
  return [0, 5000].flatMap((waiting) => {
    const found = sizes.map((): { us: number; askingUs: number }[] => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, workers] of sizes.entries()) {
        const load = { workers, waiting, decisions: DECISIONS };
        found[i]?.push({ us: decisionCostUs(load), askingUs: askingCostUs(load) });
      }
    }
    const us = found.map((some) => median(some.map((one) => one.us)));
    return sizes.map((workers, i) => ({
      workers,
      waiting,
      us: rounded(us[i] as number),
      askingUs: rounded(median((found[i] ?? []).map((one) => one.askingUs))),
      perSecond: Math.round(1e6 / (us[i] as number)),
      ratio: rounded((us[i] as number) / (us[0] as number)),
    }));
  });
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >>> 1] ?? Number.NaN;
}
