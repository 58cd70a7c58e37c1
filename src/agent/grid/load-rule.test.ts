import fc from 'fast-check';
import { expect, test } from 'vitest';
import { followLoad, freshLoad, type LoadState } from './load-rule.ts';
import type { LoadSample } from './machine-load.ts';

const LOOK_MS = 500;
const CORES = 8;

/** What half a second was like. */
interface Moment {
  /** Tasks of others that want a processor. */
  readonly others: number;
  /** Parts of the time. */
  readonly memory?: number;
  readonly disk?: number;
  /** Undefined: as the run queue makes it. */
  readonly waits?: number;
}

/** A machine on which we always have as many compiles as allowed. */
function machine({ hasPressure = true, processors = CORES } = {}) {
  let state = freshLoad(processors);
  const zero: LoadSample = {
    atMs: 0,
    runnable: 1,
    cpuWaitUs: hasPressure ? 0 : undefined,
    memoryStallUs: hasPressure ? [0] : [],
    ioStallUs: hasPressure ? [0] : [],
  };
  let before = zero;
  return {
    live({ others, memory = 0, disk = 0, waits }: Moment): LoadState {
      const running = state.limit;
      const part = waits ?? (running + others > processors ? 1 : 0.05);
      const grown = (totals: readonly number[], of: number) => totals.map((total) => total + of * LOOK_MS * 1000);
      const now: LoadSample = {
        atMs: before.atMs + LOOK_MS,
        runnable: running + others + 1,
        cpuWaitUs: before.cpuWaitUs === undefined ? undefined : before.cpuWaitUs + part * LOOK_MS * 1000,
        memoryStallUs: grown(before.memoryStallUs, memory),
        ioStallUs: grown(before.ioStallUs, disk),
      };
      state = followLoad(state, before, now, running, processors);
      before = now;
      return state;
    },
    liveLong(moment: Moment, seconds: number): number[] {
      return Array.from({ length: 2 * seconds }, () => this.live(moment).limit);
    },
  };
}

test.each([true, false])('others get their processors, and we get them back; with pressure: %s', (hasPressure) => {
  const m = machine({ hasPressure });
  const crowded = m.liveLong({ others: 3 }, 20);
  expect(crowded.at(-1)).toBe(CORES - 3);
  // It has settled.
  expect(new Set(crowded.slice(-20))).toEqual(new Set([CORES - 3]));
  expect(m.liveLong({ others: 0 }, 20).at(-1)).toBe(CORES);
});

test('one stays, however many want the machine', () => {
  expect(machine().liveLong({ others: 100 }, 20).at(-1)).toBe(1);
  expect(machine({ processors: 1 }).liveLong({ others: 5 }, 20).at(-1)).toBe(1);
});

test('what make and launchers do for a moment takes nothing away', () => {
  const m = machine({ processors: 2 });
  // Every third look finds one of them.
  const limits = Array.from({ length: 300 }, (_, i) => m.live({ others: i % 3 === 0 ? 1 : 0, waits: 0.3 }).limit);
  expect(new Set(limits)).toEqual(new Set([2]));
});

test('nothing is taken away where nobody waits', () => {
  expect(new Set(machine().liveLong({ others: 3, waits: 0.1 }, 20))).toEqual(new Set([CORES]));
});

test('a machine that swaps loses half at once, and none is added before it is over', () => {
  const m = machine();
  expect(m.live({ others: 0, memory: 0.5 }).limit).toBe(4);
  expect(m.live({ others: 0, memory: 0.5 }).limit).toBe(2);
  expect(m.liveLong({ others: 0, memory: 0.05 }, 10).at(-1)).toBe(2);
  expect(m.liveLong({ others: 0 }, 10).at(-1)).toBe(CORES);
});

test('a link that keeps the disk busy takes one after the other', () => {
  const m = machine();
  expect(m.liveLong({ others: 0, disk: 0.5 }, 2).at(-1)).toBe(CORES - 2);
});

test('it stays between one and all, whatever is read, and comes back to all', () => {
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  const moment = fc.record({ others: fc.nat(200), memory: part, disk: part, waits: part });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 128 }), fc.array(moment, { maxLength: 60 }), (processors, moments) => {
      const m = machine({ processors });
      for (const one of moments) {
        const { limit } = m.live(one);
        expect(limit).toBeGreaterThanOrEqual(1);
        expect(limit).toBeLessThanOrEqual(processors);
      }
      expect(m.liveLong({ others: 0 }, 20 + processors).at(-1)).toBe(processors);
    }),
  );
});
