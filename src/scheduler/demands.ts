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

/** One task more has this demand. */
export function enterDemand(demands: Demands, ask: Demand, poolOf: (arch: string) => number): KnownDemand {
  const alike = demands.byToolchain.get(ask.toolchain) ?? [];
  let demand = alike.find(({ arch, pinnedTo }) => arch === ask.arch && pinnedTo === ask.pinnedTo);
  if (demand === undefined) {
    const { arch, toolchain, pinnedTo } = ask;
    const number = demands.spare.pop() ?? demands.byNumber.length;
    demand = { arch, toolchain, pinnedTo, number, pool: poolOf(arch), open: 0 };
    demands.byNumber[number] = demand;
    demands.byToolchain.set(toolchain, [...alike, demand]);
  }
  demand.open += 1;
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
