/** One rule on one grid: how long it takes, and what no rule can beat. */
import { lowerBoundMs } from './bound.ts';
import { EARLY_RULES, earlyBinding } from './early-binding.ts';
import { type GridAsk, type GridModel, makeGrid } from './grid-model.ts';
import { LATE_BINDING, lateBinding } from './late-binding.ts';
import { readRecording, recordedFiles } from './recording.ts';
import { type Outcome, type Subject, simulate, WORLD } from './world.ts';

/** One line of the table and of bench/results/simulate.json. */
export interface Line {
  readonly workers: number;
  readonly slots: number;
  readonly tasks: number;
  readonly jobs: 'all at once' | 'one per slot';
  /** `early`: bound to a worker at once; `late`: to a free slot. */
  readonly binding: 'early' | 'late';
  readonly rule: string;
  /** The first build of new sources on new workers, or one after it. */
  readonly build: 'first' | 'later';
  readonly makespanMs: number;
  readonly boundMs: number;
  readonly ratio: number;
  /** Of slot time between clients until the first of them was done (Jain's index): 1 is even. */
  readonly fairness: number;
  readonly declined: number;
  /** Assignments beyond one per task: copies and second tries. */
  readonly more: number;
  /** Part of all slot time spent on what nobody took. */
  readonly wasted: number;
  /** By the clock, in the simulation's own process: what else runs on the machine is in it. */
  readonly decisionsPerSecond: number;
}

export interface Scenario extends Pick<GridAsk, 'seed' | 'workers' | 'clients'> {
  readonly tasksPerWorker: number;
  readonly jobs: Line['jobs'];
}

/** When the second build begins on the scheduler's clock: long after the first. */
const LATER_MS = 1e7;

const recorded = recordedFiles(readRecording());

function gridOf({ seed, workers, clients, tasksPerWorker, jobs }: Scenario, build: number): GridModel {
  const jobsPerSlot = jobs === 'one per slot' ? 1 : Number.POSITIVE_INFINITY;
  return makeGrid({ seed, build, workers, clients, tasks: workers * tasksPerWorker, jobsPerSlot, recorded });
}

function subjectOf(rule: string, seed: number): { readonly binding: Line['binding']; readonly subject: Subject } {
  const early = EARLY_RULES[rule];
  if (early !== undefined) return { binding: 'early', subject: earlyBinding(rule, early, seed) };
  const late = LATE_BINDING[rule];
  if (late === undefined) throw new Error(`there is no rule ${rule}`);
  return { binding: 'late', subject: lateBinding(rule, late(), seed, WORLD.heartbeatMs) };
}

/** For a later build the same sources are built first, by workers that all stay, to learn from. */
export function contest(scenario: Scenario, rule: string, build: Line['build']): Line {
  const { binding, subject } = subjectOf(rule, scenario.seed);
  const grid = gridOf(scenario, 1);
  if (build === 'later') {
    const { workers, ...rest } = gridOf(scenario, 0);
    simulate(subject, { ...rest, workers: workers.map((worker) => ({ ...worker, outages: [] })) });
  }
  const outcome = simulate(subject, grid, { ...WORLD, startMs: build === 'later' ? LATER_MS : 0 });
  const slots = grid.workers.reduce((total, { offer }) => total + offer.slots, 0);
  const boundMs = lowerBoundMs(grid);
  return {
    workers: scenario.workers,
    slots,
    tasks: outcome.tasks,
    jobs: scenario.jobs,
    binding,
    rule,
    build,
    makespanMs: Math.round(outcome.makespanMs),
    boundMs: Math.round(boundMs),
    ratio: rounded(outcome.makespanMs / boundMs),
    fairness: rounded(evenness(outcome)),
    declined: outcome.declined,
    more: outcome.assigned + outcome.declined - outcome.tasks,
    wasted: rounded(outcome.wastedMs / (outcome.makespanMs * slots)),
    decisionsPerSecond: Math.round(outcome.assigned / (outcome.deciding / 1000)),
  };
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Jain, Chiu and Hawe, A quantitative measure of fairness, 1984. */
function evenness({ sharesMs }: Outcome): number {
  const sum = sharesMs.reduce((total, share) => total + share, 0);
  const squares = sharesMs.reduce((total, share) => total + share * share, 0);
  return sum ** 2 / (sharesMs.length * squares);
}
