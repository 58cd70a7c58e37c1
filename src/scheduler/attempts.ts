import { type Demand, firstFitting, fits, isFree, meets, NOBODY, suits } from './choice.ts';
import { demandOf } from './demands.ts';
import { DURATION_STEPS_PER_DOUBLING } from './durations.ts';
import type { Effects } from './effects.ts';
import { float, int } from './rows.ts';
import { assign } from './runs.ts';
import { poolFor, poolOf, queueLength, type SchedulerState } from './state.ts';
import { conclude } from './task-records.ts';
import { hasFlag, ONCE, RUN, setFlag, TRIED } from './tasks.ts';
import { recordAt, SPEED } from './workers.ts';

/** A task that was declined or lost goes to one other worker; then its client does it at home. */
const ATTEMPTS = 2;

/** Reasons that would be the same anywhere: a second worker would only waste the same time again. */
const FINAL: ReadonlySet<string> = new Set(['timeout', 'limit']);

/** Gives a task to a worker, lets it wait for one, or declines it. */
export function place(state: SchedulerState, task: number, nowMs: number, effects: Effects): void {
  const worker = chooseFor(state, task);
  if (worker !== NOBODY) assign(state, task, worker, nowMs, effects);
  else if (!isPossible(state, task)) decline(state, task, 'no-worker', '', effects);
  else if (hasFlag(state.tasks, task, TRIED)) state.retries.add(task);
  else if (queueLength(state) >= state.options.queueLimit)
    decline(state, task, 'no-slot', 'the queue is full', effects);
  else state.queue.push(task);
}

function chooseFor(state: SchedulerState, task: number): number {
  const { pinnedTo } = demandOf(state, task);
  if (pinnedTo === '') return state.rules.choose(state, poolOf(state, task), task);
  const worker = state.workers.get(pinnedTo)?.number;
  return worker !== undefined && isFree(state.crew, worker) && fits(state, worker, task) ? worker : NOBODY;
}

/** Whether any worker could take the task once it has a free slot. */
function isPossible(state: SchedulerState, task: number): boolean {
  return firstFitting(state, poolOf(state, task).inService, task, 0) !== NOBODY;
}

/** Whether the grid has a worker for such tasks, free or busy: without one nobody should prepare anything. */
export function couldServe(state: SchedulerState, demand: Demand): boolean {
  const workers = poolFor(state, demand.arch).inService;
  for (let i = 0; i < workers.size; i += 1) {
    if (suits(state.crew, workers.at(i), demand)) return true;
  }
  return false;
}

function decline(state: SchedulerState, task: number, reason: string, detail: string, effects: Effects): void {
  conclude(state, task);
  effects.push({ kind: 'decline', task, reason, detail });
}

/**
 * A worker could not do a task whose slot has been freed: another one, or the end of it. Where another one has it already,
 * everything is left to that one.
 */
export function tryElsewhere(
  state: SchedulerState,
  task: number,
  worker: number,
  why: { readonly reason: string; readonly detail: string },
  nowMs: number,
  effects: Effects,
): void {
  const { tasks, crew } = state;
  const tried = [...(tasks.tried.get(task) ?? []), recordAt(crew, worker).offer.id];
  tasks.tried.set(task, tried);
  setFlag(tasks, task, TRIED, true);
  if (int(tasks.rows, task, RUN) >= 0) return;
  const isFinal = hasFlag(tasks, task, ONCE) || tried.length >= ATTEMPTS || FINAL.has(why.reason);
  if (isFinal || !isPossible(state, task)) {
    decline(state, task, why.reason, why.detail, effects);
  } else place(state, task, nowMs, effects);
}

/** Fills the free slots of a worker with what waits. */
export function serve(state: SchedulerState, worker: number, nowMs: number, effects: Effects): void {
  while (queueLength(state) > 0 && isFree(state.crew, worker)) {
    const task = nextFor(state, worker);
    if (task < 0) return;
    unqueue(state, task);
    assign(state, task, worker, nowMs, effects);
  }
}

function nextFor(state: SchedulerState, worker: number): number {
  if (state.retries.size > 0) for (const task of state.retries) if (fits(state, worker, task)) return task;
  return state.queue.next((demand) => meets(state.crew, worker, demand), stepsDownFor(state, worker));
}

/** By how many classes a worker's tasks should be shorter than the longest, so that they take no longer than on others. */
function stepsDownFor({ durations, crew }: SchedulerState, worker: number): number {
  const speed = float(crew.rows, worker, SPEED);
  if (speed >= durations.meanSpeed) return 0;
  return Math.round(DURATION_STEPS_PER_DOUBLING * Math.log2(durations.meanSpeed / speed));
}

/** Takes a waiting task out of where it waits. */
export function unqueue(state: SchedulerState, task: number): void {
  if (!state.retries.delete(task)) state.queue.remove(task);
}

/** Declines what waits for workers that are no more: called whenever one leaves service. */
export function declineHopeless(state: SchedulerState, effects: Effects): void {
  for (const task of [...state.retries]) {
    if (isPossible(state, task)) continue;
    unqueue(state, task);
    decline(state, task, 'worker-lost', 'no other worker is left', effects);
  }
  for (let hopeless = hopelessHeads(state); hopeless.length > 0; hopeless = hopelessHeads(state)) {
    for (const task of hopeless) {
      unqueue(state, task);
      decline(state, task, 'no-worker', '', effects);
    }
  }
}

function hopelessHeads(state: SchedulerState): number[] {
  return state.queue.heads().filter((task) => !isPossible(state, task));
}
