/**
 * What a decision of the scheduler costs: `node bench/scheduler.ts [ROUNDS]`. A decision is one task from its submission
 * to its end on a worker; the grid is kept full, with as many tasks waiting as there are slots, from a hundred clients.
 * Costs are processor time (garbage collection included) and the best of several rounds in turn, because others work on
 * the same machine. Exit status 1: a decision among 10,000 workers costs more than 1.5 times one among 10, or there are
 * fewer than 10,000 decisions a second.
 */
import { decisionCostUs } from './simulate/decision-cost.ts';

const SIZES = [10, 100, 1000, 10_000];
const rounds = Number(process.argv[2] ?? 5);

let isGood = true;
for (const waiting of [0, 5000]) {
  const costs = SIZES.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round += 1)
    for (const [i, workers] of SIZES.entries())
      costs[i] = Math.min(costs[i] as number, decisionCostUs({ workers, waiting, decisions: 200_000 }));
  for (const [i, cost] of costs.entries()) {
    const perSecond = Math.round(1e6 / cost).toLocaleString('en');
    const ratio = cost / (costs[0] as number);
    console.log(
      `${SIZES[i]} workers, ${waiting} waiting: ${cost.toFixed(2)} us, ${perSecond} a second, ${ratio.toFixed(2)}`,
    );
    isGood &&= ratio <= 1.5 && 1e6 / cost >= 10_000;
  }
}
process.exitCode = isGood ? 0 : 1;
