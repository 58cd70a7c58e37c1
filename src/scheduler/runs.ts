import { noteStart } from './circuit.ts';
import type { SchedulerEffect, Slot, TaskRecord, WorkerRecord } from './model.ts';
import { refile, type SchedulerState } from './state.ts';

/** Gives a task to a worker, beside the one that has it already where there is one. */
export function assign(
  state: SchedulerState,
  task: TaskRecord,
  worker: WorkerRecord,
  nowMs: number,
  effects: SchedulerEffect[],
): void {
  const slot = takeSlot(worker, task, nowMs);
  if (task.run === undefined) task.run = slot;
  else task.copy = slot;
  noteStart(worker.circuit, task.ask.id);
  state.queue.noteStart(task.client);
  refile(worker);
  const waitedMs = Math.max(0, task.run.startedMs - task.submittedMs);
  effects.push({ kind: 'assign', task: task.ask.id, worker: worker.offer.id, waitedMs });
}

function takeSlot(worker: WorkerRecord, task: TaskRecord, nowMs: number): Slot {
  let slot = worker.slots[worker.busy];
  if (slot === undefined) {
    slot = { worker, task, startedMs: nowMs, cancelledMs: -1, place: worker.busy };
    worker.slots.push(slot);
  }
  slot.task = task;
  slot.startedMs = nowMs;
  slot.cancelledMs = -1;
  worker.busy += 1;
  return slot;
}

/** Frees a slot; the last of the taken ones changes places with it. */
export function release(state: SchedulerState, slot: Slot): TaskRecord {
  const { worker, task, place } = slot;
  if (task === undefined) throw new Error(`slot ${place} of ${worker.offer.id} is free`);
  worker.busy -= 1;
  const last = worker.slots[worker.busy] as Slot;
  if (last !== slot) {
    worker.slots[place] = last;
    last.place = place;
    worker.slots[worker.busy] = slot;
    slot.place = worker.busy;
  }
  slot.task = undefined;
  if (task.run === slot) task.run = task.copy;
  task.copy = undefined;
  state.queue.noteEnd(task.client);
  refile(worker);
  return task;
}

/** The worker shall stop; its slot is taken until it says that it did. */
export function stopRun(slot: Slot, nowMs: number, effects: SchedulerEffect[]): void {
  if (slot.task === undefined || slot.cancelledMs >= 0) return;
  slot.cancelledMs = nowMs;
  effects.push({ kind: 'cancel', task: slot.task.ask.id, worker: slot.worker.offer.id });
}

/** Where a worker has a task. */
export function runOn(task: TaskRecord, worker: string): Slot | undefined {
  if (task.run?.worker.offer.id === worker) return task.run;
  return task.copy?.worker.offer.id === worker ? task.copy : undefined;
}

/** What a worker has. */
export function takenSlots({ slots, busy }: WorkerRecord): readonly Slot[] {
  return slots.slice(0, busy);
}
