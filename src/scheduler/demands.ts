import { int } from './rows.ts';
import { DEMAND, type Tasks } from './tasks.ts';

/** The tasks of a queue that are alike as far as workers can tell. */
export interface Demand {
  readonly arch: string;
  readonly toolchain: string;
  readonly pinnedTo: string;
}

/** A demand that tasks have, under a small number. */
export interface KnownDemand extends Demand {
  readonly number: number;
  /** The number of its pool. */
  readonly pool: number;
  /** Tasks that have it. */
  open: number;
}

/** The demands of all tasks: there are few, and each is compared as text once per task. */
export interface Demands {
  readonly byNumber: KnownDemand[];
  readonly byToolchain: Map<string, KnownDemand[]>;
  readonly spare: number[];
}

export function newDemands(): Demands {
  return { byNumber: [], byToolchain: new Map(), spare: [] };
}

/** The demand of a task where others have the same. */
export function findDemand({ byToolchain }: Demands, ask: Demand): KnownDemand | undefined {
  const alike = byToolchain.get(ask.toolchain);
  if (alike === undefined) return undefined;
  for (const demand of alike) if (demand.arch === ask.arch && demand.pinnedTo === ask.pinnedTo) return demand;
  return undefined;
}

/**
 * One that no other task has.
 * @param pool the number of its pool
 */
export function addDemand(demands: Demands, { arch, toolchain, pinnedTo }: Demand, pool: number): KnownDemand {
  const number = demands.spare.pop() ?? demands.byNumber.length;
  const demand = { arch, toolchain, pinnedTo, number, pool, open: 0 };
  demands.byNumber[number] = demand;
  demands.byToolchain.set(toolchain, [...(demands.byToolchain.get(toolchain) ?? []), demand]);
  return demand;
}

/** One task less has it. */
export function leaveDemand(demands: Demands, demand: KnownDemand): void {
  demand.open -= 1;
  if (demand.open > 0) return;
  demands.spare.push(demand.number);
  const rest = (demands.byToolchain.get(demand.toolchain) ?? []).filter((other) => other !== demand);
  if (rest.length > 0) demands.byToolchain.set(demand.toolchain, rest);
  else demands.byToolchain.delete(demand.toolchain);
}

/** What a task asks of workers. */
export function demandOf(
  { tasks, demands }: { readonly tasks: Tasks; readonly demands: Demands },
  task: number,
): KnownDemand {
  return demands.byNumber[int(tasks.rows, task, DEMAND)] as KnownDemand;
}
