/**
 * The scheduler itself, with its own rules or with others: tasks wait at the coordinator and go to workers with a free
 * slot only.
 */
import { byName } from '../../src/scheduler/by-name.ts';
import { type Choose, chooseFastest, chooseOfTwo, fits, NOBODY } from '../../src/scheduler/choice.ts';
import type { Members } from '../../src/scheduler/indexed-set.ts';
import type { Pool } from '../../src/scheduler/pool.ts';
import { int } from '../../src/scheduler/rows.ts';
import { newScheduler, RULES, type Rules } from '../../src/scheduler/state.ts';
import { BUSY, recordAt, SLOTS, type Workers } from '../../src/scheduler/workers.ts';
import type { Subject } from './world.ts';

/** Weights of the score that the scheduler had before it knew speeds. */
const SCORE = { core: 10, gigabyte: 5, activeTask: -15, latencyMs: -0.5, lan: 20 } as const;

function scoreOf(crew: Workers, worker: number): number {
  const { offer, busy, latencyMs } = recordAt(crew, worker);
  return (
    SCORE.core * offer.cores +
    SCORE.gigabyte * (offer.memoryBytes / 1e9) +
    SCORE.activeTask * busy +
    SCORE.latencyMs * latencyMs +
    (offer.lan ? SCORE.lan : 0)
  );
}

/** All free workers as one list without copying it: by number through the classes. */
function allFree({ free }: Pool): Members {
  const size = free.reduce((total, set) => total + set.size, 0);
  return {
    size,
    at(index) {
      let left = index;
      for (const set of free) {
        if (left < set.size) return set.at(left);
        left -= set.size;
      }
      return NOBODY;
    },
  };
}

const ofTwo =
  (isBetter: (crew: Workers, one: number, other: number) => boolean): Choose =>
  (state, pool, task) =>
    chooseOfTwo(state, allFree(pool), task, isBetter);

const byScore = ofTwo((crew, one, other) => scoreOf(crew, one) > scoreOf(crew, other));
const anyFree = ofTwo(() => false);
const leastLoaded = ofTwo(
  ({ rows }, one, other) =>
    int(rows, one, BUSY) * int(rows, other, SLOTS) < int(rows, other, BUSY) * int(rows, one, SLOTS),
);

function roundRobin(): Choose {
  let turn = 0;
  return (state, pool, task) => {
    const free = allFree(pool);
    for (let step = 0; step < free.size; step += 1) {
      const worker = free.at(++turn % free.size);
      if (fits(state, worker, task)) return worker;
    }
    return NOBODY;
  };
}

const PLAIN = { longestFirst: false, copies: false };

/** What is compared, by name; the last is what the scheduler does. */
export const LATE_BINDING: Readonly<Record<string, () => Rules>> = {
  'any free': () => ({ ...PLAIN, choose: anyFree }),
  'round robin of the free': () => ({ ...PLAIN, choose: roundRobin() }),
  'least loaded of two free': () => ({ ...PLAIN, choose: leastLoaded }),
  'score of two free (before)': () => ({ ...PLAIN, choose: byScore }),
  'fastest free': () => ({ ...PLAIN, choose: chooseFastest }),
  'fastest, copies': () => ({ ...RULES, longestFirst: false }),
  'fastest, longest first': () => ({ ...RULES, copies: false }),
  'the scheduler': () => RULES,
};

export function lateBinding(name: string, rules: Rules, seed: number, heartbeatMs: number): Subject {
  const state = newScheduler({ seed, queueLimit: Number.POSITIVE_INFINITY, heartbeatMs, rules });
  return { name, step: byName(state).step };
}
