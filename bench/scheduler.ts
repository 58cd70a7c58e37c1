/**
 * What a decision of the scheduler costs: `node bench/scheduler.ts [ROUNDS]`. A decision is one task from its submission
 * to its end on a worker; the grid is kept full, with none or with 5,000 tasks waiting, from a hundred clients. Costs are
 * processor time, garbage collection included; what it costs to ask somebody who decides nothing is shown beside it.
 */
import { decisionCosts } from './simulate/decision-cost.ts';
import { costTable } from './simulate/tables.ts';

console.log(costTable(decisionCosts([10, 100, 1000, 10_000], Number(process.argv[2] ?? 5))));
