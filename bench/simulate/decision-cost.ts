/** What one decision of the scheduler costs on a grid that is kept full. */
import type { SchedulerEffect, TaskOutcome } from '../../src/scheduler/model.ts';
import { drawBelow, seededRandom } from '../../src/scheduler/random.ts';
import { transition } from '../../src/scheduler/scheduler.ts';
import { newScheduler } from '../../src/scheduler/state.ts';

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

/** Processor time from a task's submission to its end, in microseconds, all threads of this process together. */
export function decisionCostUs({ workers, waiting, decisions }: Load): number {
  const state = newScheduler({ seed: 1, queueLimit: 1e9, heartbeatMs: 1e9 });
  const random = seededRandom(2);
  const slots = workers * SLOTS;
  const clients = Array.from({ length: CLIENTS }, (_, i) => `client${i}`);
  const files = Array.from({ length: FILES }, (_, i) => `file${i}`);
  /** What runs, in two columns: an object for each would cost more than what is measured. */
  const tasks: string[] = [];
  const places: string[] = [];
  let submitted = 0;
  const note = (effects: readonly SchedulerEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind !== 'assign') continue;
      tasks.push(effect.task);
      places.push(effect.worker);
    }
  };
  const submit = (nowMs: number): void => {
    submitted += 1;
    const id = `t${submitted}`;
    const client = clients[submitted % CLIENTS] as string;
    const name = files[submitted % FILES] as string;
    const task = { id, client, arch: 'x86_64', toolchain: 'g', pinnedTo: '', name };
    note(transition(state, { kind: 'task-submitted', task }, nowMs));
  };
  const decide = (nowMs: number): void => {
    const at = drawBelow(random, tasks.length);
    const task = tasks[at] as string;
    const worker = places[at] as string;
    tasks[at] = tasks.at(-1) as string;
    places[at] = places.at(-1) as string;
    tasks.pop();
    places.pop();
    note(transition(state, { kind: 'task-ended', task, worker, outcome: DONE }, nowMs));
    submit(nowMs);
  };

  for (let i = 0; i < workers; i += 1) {
    const worker = { id: `w${i}`, arch: 'x86_64', cores: SLOTS, memoryBytes: 16e9, slots: SLOTS, lan: true };
    transition(state, { kind: 'worker-attached', worker }, 0);
  }
  while (submitted < slots + waiting) submit(0);
  // As many again as run: what the engine learns of the code, and where objects live, has settled.
  const before = Math.max(slots, decisions / 4);
  for (let i = 0; i < before; i += 1) decide(i);
  const started = process.cpuUsage();
  for (let i = 0; i < decisions; i += 1) decide(before + i);
  const { user, system } = process.cpuUsage(started);
  return (user + system) / decisions;
}

/** The best of several rounds: others work on the same machine. */
export interface Cost {
  readonly workers: number;
  readonly waiting: number;
  readonly us: number;
  readonly perSecond: number;
  /** To the cost with the fewest workers. */
  readonly ratio: number;
}

const DECISIONS = 200_000;

/** Costs for each number of workers, with an empty queue and with a full one. */
export function decisionCosts(sizes: readonly number[], rounds = 5): readonly Cost[] {
  // The first run is slower than all later ones: the engine has not compiled anything yet.
  decisionCostUs({ workers: 100, waiting: 100, decisions: DECISIONS });
  return [0, 5000].flatMap((waiting) => {
    const best = sizes.map(() => Number.POSITIVE_INFINITY);
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, workers] of sizes.entries()) {
        best[i] = Math.min(best[i] as number, decisionCostUs({ workers, waiting, decisions: DECISIONS }));
      }
    }
    return best.map((us, i) => ({
      workers: sizes[i] as number,
      waiting,
      us: Math.round(us * 100) / 100,
      perSecond: Math.round(1e6 / us),
      ratio: Math.round((us / (best[0] as number)) * 100) / 100,
    }));
  });
}
