import { type Demand, firstFitting, fits, isFree, meets } from './choice.ts';
import { DURATION_STEPS_PER_DOUBLING } from './durations.ts';
import type { SchedulerEffect, TaskRecord, WorkerRecord } from './model.ts';
import { assign } from './runs.ts';
import { poolFor, queueLength, type SchedulerState } from './state.ts';
import { conclude } from './task-records.ts';

/** A task that was declined or lost goes to one other worker; then its client does it at home. */
const ATTEMPTS = 2;

/** Reasons that would be the same anywhere: a second worker would only waste the same time again. */
const FINAL: ReadonlySet<string> = new Set(['timeout', 'limit']);

/** Gives a task to a worker, lets it wait for one, or declines it. */
export function place(state: SchedulerState, task: TaskRecord, nowMs: number, effects: SchedulerEffect[]): void {
  const worker = chooseFor(state, task);
  if (worker !== undefined) assign(state, task, worker, nowMs, effects);
  else if (!isPossible(state, task)) decline(state, task, 'no-worker', '', effects);
  else if (task.tried.length > 0) state.retries.add(task);
  else if (queueLength(state) >= state.options.queueLimit)
    decline(state, task, 'no-slot', 'the queue is full', effects);
  else state.queue.push(task);
}

function chooseFor(state: SchedulerState, task: TaskRecord): WorkerRecord | undefined {
  const { arch, pinnedTo } = task.ask;
  if (pinnedTo === '') return state.rules.choose(poolFor(state, arch), task, state.random);
  const worker = state.workers.get(pinnedTo);
  return worker !== undefined && isFree(worker) && fits(worker, task) ? worker : undefined;
}

/** Whether any worker could take the task once it has a free slot. */
function isPossible(state: SchedulerState, task: TaskRecord): boolean {
  return firstFitting(poolFor(state, task.ask.arch).inService, task, 0) !== undefined;
}

/** Whether the grid has a worker for such tasks, free or busy: without one nobody should prepare anything. */
export function couldServe(state: SchedulerState, demand: Demand): boolean {
  const workers = poolFor(state, demand.arch).inService;
  for (let i = 0; i < workers.size; i += 1) {
    const worker = workers.at(i);
    if (worker !== undefined && meets(worker, demand)) return true;
  }
  return false;
}

function decline(
  state: SchedulerState,
  task: TaskRecord,
  reason: string,
  detail: string,
  effects: SchedulerEffect[],
): void {
  conclude(state, task);
  effects.push({ kind: 'decline', task: task.ask.id, reason, detail });
}

/**
 * A worker could not do a task whose slot has been freed: another one, or the end of it. Where another one has it already,
 * everything is left to that one.
 */
export function tryElsewhere(
  state: SchedulerState,
  task: TaskRecord,
  worker: WorkerRecord,
  why: { readonly reason: string; readonly detail: string },
  nowMs: number,
  effects: SchedulerEffect[],
): void {
  task.tried = [...task.tried, worker.offer.id];
  if (task.run !== undefined) return;
  const isFinal = task.ask.once === true || task.tried.length >= ATTEMPTS || FINAL.has(why.reason);
  if (isFinal || !isPossible(state, task)) {
    decline(state, task, why.reason, why.detail, effects);
  } else place(state, task, nowMs, effects);
}

/** Fills the free slots of a worker with what waits. */
export function serve(state: SchedulerState, worker: WorkerRecord, nowMs: number, effects: SchedulerEffect[]): void {
  while (isFree(worker) && queueLength(state) > 0) {
    const task = nextFor(state, worker);
    if (task === undefined) return;
    unqueue(state, task);
    assign(state, task, worker, nowMs, effects);
  }
}

function nextFor(state: SchedulerState, worker: WorkerRecord): TaskRecord | undefined {
  for (const task of state.retries) if (fits(worker, task)) return task;
  return state.queue.next((demand) => meets(worker, demand), stepsDownFor(state, worker));
}

/** By how many classes a worker's tasks should be shorter than the longest, so that they take no longer than on others. */
function stepsDownFor({ durations }: SchedulerState, { pace }: WorkerRecord): number {
  if (pace.speed >= durations.meanSpeed) return 0;
  return Math.round(DURATION_STEPS_PER_DOUBLING * Math.log2(durations.meanSpeed / pace.speed));
}

/** Takes a waiting task out of where it waits. */
export function unqueue(state: SchedulerState, task: TaskRecord): void {
  if (!state.retries.delete(task)) state.queue.remove(task);
}

/** Declines what waits for workers that are no more: called whenever one leaves service. */
export function declineHopeless(state: SchedulerState, effects: SchedulerEffect[]): void {
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

function hopelessHeads(state: SchedulerState): TaskRecord[] {
  return state.queue.heads().filter((task) => !isPossible(state, task));
}
