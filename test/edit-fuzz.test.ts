/**
 * Random edits of small source trees, each compiled through the cache and plainly: nothing may differ. HG_FUZZ_SEED and
 * HG_FUZZ_STEPS make it another or a longer run; `node test/fuzz/edits.ts` does the same outside of the test runner.
 */
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { testWith, tool } from './bed/tools.ts';
import { figuresText } from './fuzz/edits.ts';
import { fuzzEdits } from './fuzz/edits-run.ts';
import type { Weakness } from './fuzz/edits-weaken.ts';
import { EDITS } from './fuzz/edits-world.ts';

const SEED = Number(process.env.HG_FUZZ_SEED ?? 11);
const STEPS = process.env.HG_FUZZ_STEPS === undefined ? undefined : Number(process.env.HG_FUZZ_STEPS);
/** Some 20 s on two idle cores; on a machine busy with other things the limit cuts it short. */
const SHORT = { steps: 220, limitMs: 90_000 };
const COMPILERS = ['gcc', 'g++', 'clang', 'clang++'].map(tool);

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

testWith(
  COMPILERS,
  `random edits, seed ${SEED}: nothing stale, nothing different`,
  async () => {
    console.log(`edit fuzzer: seed ${SEED}`);
    const limit = STEPS === undefined ? SHORT : { steps: STEPS };
    const figures = await fuzzEdits(bed, { seed: SEED, worlds: STEPS === undefined ? 8 : 16, ...limit });
    console.log(figuresText(figures));
    expect(figures.reports).toEqual([]);
    // It would prove nothing if there were no hits, above all after going back to what was there before.
    expect((figures.answers.hit ?? 0) / figures.steps).toBeGreaterThan(0.2);
    if ((figures.stepsAfter['back to an earlier state'] ?? 0) > 8)
      expect(figures.hitsAfter['back to an earlier state'] ?? 0).toBeGreaterThan(0);
    expect(figures.failedCompiles / figures.steps).toBeLessThan(0.5);
    expect(figures.unstable).toBe(0);
  },
  STEPS === undefined ? 120_000 : STEPS * 2000,
);

/** With it each trial finds what it looks for in its first dozen steps. */
const TRIAL_SEED = 13;
/** What each part of a proof is there for; without it one of these edits must be seen to give a wrong result. */
const TRIALS: Readonly<Record<Weakness, readonly string[]>> = {
  absent: ['header appears', 'missing directory made', 'equal header appears'],
  headers: ['content', 'same size', 'same size, old mtime kept', 'other file renamed over, old mtime kept'],
  present: ['header gone'],
};

describe('a fuzzer that is told to break the proofs finds them broken', () => {
  for (const weakness of ['absent', 'headers', 'present'] as const) {
    testWith(COMPILERS, `without ${weakness}`, async () => {
      const edits = EDITS.filter(({ name }) => TRIALS[weakness].includes(name));
      expect(edits).toHaveLength(TRIALS[weakness].length);
      const options = { seed: TRIAL_SEED, steps: 3000, worlds: 6, edits, weaken: weakness, stopAtFirst: true };
      const figures = await fuzzEdits(bed, { ...options, limitMs: 60_000 });
      expect(figures.stale).toBeGreaterThan(0);
    });
  }
});
