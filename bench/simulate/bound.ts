/**
 * What no schedule can beat: the shortest time in which the work could be done if every task were known from the
 * beginning, could be stopped and moved at no cost, and messages took no time.
 */
import type { GridModel } from './grid-model.ts';

/** In milliseconds. */
export function lowerBoundMs(grid: GridModel): number {
  const works = grid.clients.flatMap(({ tasks }) => tasks.map(({ workMs }) => workMs)).sort((a, b) => b - a);
  const total = works.reduce((sum, workMs) => sum + workMs, 0);
  return Math.max(capacityBound(grid, total), preemptiveBound(grid, works));
}

/** When the slots that are there have done `total`, outages left out. */
function capacityBound({ workers }: GridModel, total: number): number {
  let speed = 0;
  const changes: { atMs: number; by: number }[] = [];
  for (const { offer, speed: perSlot, outages } of workers) {
    speed += offer.slots * perSlot;
    for (const { fromMs, toMs } of outages) {
      changes.push({ atMs: fromMs, by: -offer.slots * perSlot }, { atMs: toMs, by: offer.slots * perSlot });
    }
  }
  let left = total;
  let nowMs = 0;
  for (const { atMs, by } of changes.sort((a, b) => a.atMs - b.atMs)) {
    if (left <= speed * (atMs - nowMs)) break;
    left -= speed * (atMs - nowMs);
    nowMs = atMs;
    speed += by;
  }
  return nowMs + left / speed;
}

/**
 * The k longest tasks on the k fastest slots, for every k: with the bound above and without outages this is exactly the
 * optimum with preemption on machines of different speed (Horvath, Lam, Sethi: A level algorithm for preemptive
 * scheduling, JACM 1977). For k = 1 it is the longest task on the fastest worker.
 */
function preemptiveBound({ workers }: GridModel, works: readonly number[]): number {
  const speeds = workers.flatMap(({ offer, speed }) => Array<number>(offer.slots).fill(speed)).sort((a, b) => b - a);
  let work = 0;
  let speed = 0;
  let bound = 0;
  for (let k = 0; k < Math.min(works.length, speeds.length); k += 1) {
    work += works[k] as number;
    speed += speeds[k] as number;
    bound = Math.max(bound, work / speed);
  }
  return bound;
}
