/**
 * `make simulate`: the scheduler that the coordinator runs, beside other rules, on a simulated clock, with durations of
 * real compiles and 10 to 10,000 workers of different kinds. Prints a table, what a decision costs, and writes
 * bench/results/simulate.json. `node bench/simulate.ts [--seed N] [--workers N]...`; with --workers the results go to
 * bench/results/simulate-partial.json. Exit status 0: every bar kept; 1: not so.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { contest, type Line, type Scenario } from './simulate/contest.ts';
import { type Cost, decisionCosts } from './simulate/decision-cost.ts';
import { EARLY_RULES } from './simulate/early-binding.ts';
import { LATE_BINDING } from './simulate/late-binding.ts';
import { readRecording } from './simulate/recording.ts';
import { costTable, lineTable } from './simulate/tables.ts';

const { values: asked } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, workers: { type: 'string', multiple: true } },
});
const seed = Number(asked.seed);
const sizes = (asked.workers?.map(Number) ?? [10, 100, 1000, 10_000]).sort((a, b) => a - b);

/** Some fifty tasks a slot; among 10,000 workers fifty a worker, which is what memory holds. */
const scenarios: readonly Scenario[] = [
  { seed, workers: 10, clients: 3, tasksPerWorker: 300, jobs: 'all at once' },
  { seed, workers: 100, clients: 5, tasksPerWorker: 300, jobs: 'all at once' },
  { seed, workers: 1000, clients: 10, tasksPerWorker: 300, jobs: 'all at once' },
  { seed, workers: 1000, clients: 10, tasksPerWorker: 300, jobs: 'one per slot' },
  { seed, workers: 10_000, clients: 20, tasksPerWorker: 50, jobs: 'all at once' },
];

/** Rules that look at every worker, or are here to show one difference, are left out where it takes long. */
const SHORT = ['random', 'least loaded of two', 'score of two free (before)', 'the scheduler'];

function rulesFor({ workers, jobs }: Scenario): readonly string[] {
  if (workers >= 10_000 || jobs === 'one per slot') return SHORT;
  return [...Object.keys(EARLY_RULES), ...Object.keys(LATE_BINDING)];
}

/** Only the scheduler's own rules learn, and need a build to have learned from. */
const learns = (rule: string): boolean => rule.startsWith('fastest') || rule === 'the scheduler';

console.log(`seed ${seed}`);
const lines: Line[] = [];
for (const scenario of scenarios.filter(({ workers }) => sizes.includes(workers))) {
  const some = rulesFor(scenario).flatMap((rule) =>
    (learns(rule) ? (['first', 'later'] as const) : (['first'] as const)).map((build) =>
      contest(scenario, rule, build),
    ),
  );
  lines.push(...some);
  console.log(`\n${lineTable(some)}`);
}
const costs: readonly Cost[] = decisionCosts(sizes);
console.log(`\n${costTable(costs)}`);

const bars = [
  ...lines
    .filter(
      ({ workers, rule, build, jobs }) =>
        workers === 1000 && rule === 'the scheduler' && build === 'later' && jobs === 'all at once',
    )
    .map(({ ratio }) => ({ bar: 'makespan at 1,000 workers', limit: 1.1, is: ratio, pass: ratio <= 1.1 })),
  ...costs.map(({ perSecond, workers, waiting }) => ({
    bar: `decisions a second at ${workers} workers, ${waiting} waiting`,
    limit: 10_000,
    is: perSecond,
    pass: perSecond >= 10_000,
  })),
  ...costs
    .filter(({ workers }) => workers === 10_000)
    .map(({ ratio, waiting }) => ({
      bar: `cost of a decision at 10,000 workers to 10, ${waiting} waiting`,
      limit: 1.5,
      is: ratio,
      pass: ratio <= 1.5,
    })),
];
for (const { bar, limit, is, pass } of bars) console.log(`${pass ? 'kept  ' : 'MISSED'} ${bar}: ${is} (${limit})`);

const { recorded, compiler, processor } = readRecording();
const name = asked.workers === undefined ? 'simulate.json' : 'simulate-partial.json';
const path = join(import.meta.dirname, 'results', name);
mkdirSync(join(path, '..'), { recursive: true });
const results = { seed, durations: { recorded, compiler, processor }, bars, costs, lines };
writeFileSync(`${path}.tmp`, `${JSON.stringify(results, null, 2)}\n`);
renameSync(`${path}.tmp`, path);
console.log(`\nwritten to ${path}`);
process.exitCode = bars.every(({ pass }) => pass) ? 0 : 1;
