/** The rows of the simulator in `make bench`; `make simulate` shows more, beside other rules. */
import { type Measured, medians, type Pair } from '../figures.ts';
import type { Stage } from '../stage.ts';
import { contest } from './contest.ts';
import { decisionCostUs } from './decision-cost.ts';

const WORKERS = 1000;
const SEEDS = [1, 2, 3];
const FEW = 10;
const MANY = 10_000;
/** A queue that is never empty. */
const WAITING = 5000;
const DECISIONS = 200_000;
const QUICK_DECISIONS = 50_000;
const ROUNDS = 9;
const QUICK_ROUNDS = 3;
/** Decisions a second that one coordinator has to make. */
const WANTED_RATE = 10_000;

/** The second build of the same sources, when the scheduler knows the files and the workers. */
function makespans({ quick, say }: Stage): Measured {
  const pairs = (quick ? SEEDS.slice(0, 1) : SEEDS).map((seed): Pair => {
    const scenario = { seed, workers: WORKERS, clients: 10, tasksPerWorker: 300, jobs: 'all at once' } as const;
    const { makespanMs, boundMs, ratio } = contest(scenario, 'the scheduler', 'later');
    say(`seed ${seed}: ${ratio}`);
    return { ours: makespanMs / 1000, peer: boundMs / 1000 };
  });
  return medians(pairs, { identical: null, note: `simulated time, a pair for each seed` });
}

interface Costs {
  readonly few: number;
  readonly many: number;
}

function costs({ quick }: Stage, waiting: number): Costs[] {
  const decisions = quick ? QUICK_DECISIONS : DECISIONS;
  return Array.from({ length: quick ? QUICK_ROUNDS : ROUNDS }, () => ({
    few: decisionCostUs({ workers: FEW, waiting, decisions }),
    many: decisionCostUs({ workers: MANY, waiting, decisions }),
  }));
}

const costRow = (all: readonly Costs[], note: string): Measured =>
  medians(
    all.map(({ few, many }) => ({ ours: many, peer: few })),
    { identical: null, note },
  );

export async function simulateSection(stage: Stage): Promise<void> {
  stage.found('makespan', makespans(stage));
  // The first run is slower than all later ones: the engine has not compiled anything yet.
  decisionCostUs({ workers: FEW * FEW, waiting: FEW, decisions: DECISIONS });
  const empty = costs(stage, 0);
  stage.found('decision cost', costRow(empty, 'CPU of the process, garbage collection included'));
  const full = costs(stage, WAITING);
  stage.found('decision cost queue', costRow(full, 'CPU of the process, garbage collection included'));
  const rates = full.map(({ many }) => ({ ours: 1e6 / many, peer: WANTED_RATE }));
  stage.found('decision rate', medians(rates, { identical: null, note: `${WAITING} waiting` }));
}
