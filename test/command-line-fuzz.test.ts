/**
 * What the compiler model says of a command line, against what gcc and clang do with it. A short run with a fixed seed
 * here; `make fuzz-command-lines` (HG_FUZZ=long) runs longer, from a seed of its own, and tries every option once.
 * HG_FUZZ_RUNS sets the number of lines, HG_FUZZ_SEED the seed.
 */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { checkLines, type FuzzReport, fuzzCommandLines } from './fuzz/command-lines.ts';
import { everyOption } from './fuzz/command-lines-generator.ts';

const LONG = process.env.HG_FUZZ === 'long' || process.env.HG_FUZZ_RUNS !== undefined;
/** Lines of a short run: about 25 s on two cores; half of them are refused and cost nothing. */
const RUNS = Number(process.env.HG_FUZZ_RUNS ?? (LONG ? 20_000 : 240));
const SEED = Number(process.env.HG_FUZZ_SEED ?? (LONG ? Date.now() % 1_000_000 : 1));
const HOURS = 3_600_000;

const missing = ['gcc', 'g++', 'clang', 'clang++', 'strace'].filter(
  (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status !== 0,
);
const reason = missing.length > 0 ? ` (skipped: no ${missing.join(', ')})` : '';

function say(what: string, report: FuzzReport): void {
  const refused = [...report.refused.values()].reduce((sum, count) => sum + count, 0);
  const { lines, succeeded, twins, findings } = report;
  console.log(
    `${what}: ${lines} lines, ${refused} refused, ${succeeded} compiled, ${twins} twins, ${findings.length} findings`,
  );
}

test.skipIf(reason !== '')(
  `no command line is misunderstood, seed ${SEED}${reason}`,
  () => {
    const report = fuzzCommandLines(SEED, ({ lines, findings }) => lines >= RUNS || findings.length >= 10);
    say(`seed ${SEED}`, report);
    expect(report.findings).toEqual([]);
    // A model that refuses everything would pass otherwise.
    expect(report.succeeded).toBeGreaterThan(RUNS / 5);
    expect(report.twins).toBeGreaterThan(RUNS / 10);
  },
  20 * HOURS,
);

// Not defined in a short run, rather than skipped: nothing is missing there.
if (LONG) {
  test.skipIf(reason !== '').each(['gcc', 'clang'] as const)(
    `no option of %s is misunderstood${reason}`,
    (family) => {
      const report = checkLines(everyOption(family));
      say(`options of ${family}`, report);
      expect(report.findings).toEqual([]);
    },
    2 * HOURS,
  );
}
