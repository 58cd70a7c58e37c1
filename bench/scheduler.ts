/**
 * Decisions per second of the scheduler: `node bench/scheduler.ts`. A decision is one task from its submission to its
 * end on a worker; the grid is kept full, with as many tasks waiting as there are slots, from a hundred clients.
 */
import type { SchedulerEffect } from '../src/scheduler/model.ts';
import { transition } from '../src/scheduler/scheduler.ts';
import { newScheduler } from '../src/scheduler/state.ts';

const SLOTS = 8;
const CLIENTS = 100;

function measure(workers: number, waiting: number, decisions: number): number {
  const state = newScheduler({ seed: 1, queueLimit: 1e9, heartbeatMs: 1e9 });
  const running: { task: string; worker: string }[] = [];
  const note = (effects: readonly SchedulerEffect[]): void => {
    for (const effect of effects) if (effect.kind === 'assign') running.push(effect);
  };
  for (let i = 0; i < workers; i += 1) {
    const worker = { id: `w${i}`, arch: 'x86_64', cores: 2 + (i % 30), memoryBytes: 16e9, slots: SLOTS, lan: true };
    transition(state, { kind: 'worker-attached', worker }, 0);
  }
  let submitted = 0;
  const submit = (nowMs: number): void => {
    submitted += 1;
    const task = {
      id: `t${submitted}`,
      client: `c${submitted % CLIENTS}`,
      arch: 'x86_64',
      toolchain: 'g',
      pinnedTo: '',
    };
    note(transition(state, { kind: 'task-submitted', task }, nowMs));
  };
  while (submitted < workers * SLOTS + waiting) submit(0);
  const started = performance.now();
  for (let i = 0; i < decisions; i += 1) {
    const at = Math.floor((i * 7919) % running.length);
    const { task, worker } = running[at] as { task: string; worker: string };
    running[at] = running.at(-1) as { task: string; worker: string };
    running.pop();
    note(transition(state, { kind: 'task-ended', task, worker, outcome: { kind: 'ok', latencyMs: 5 } }, i));
    submit(i);
  }
  return decisions / ((performance.now() - started) / 1000);
}

for (const workers of [10, 100, 1000, 10_000]) {
  for (const waiting of [0, 5000]) {
    measure(workers, waiting, 20_000);
    const perSecond = measure(workers, waiting, 200_000);
    console.log(`${workers} workers, ${waiting} waiting: ${Math.round(perSecond).toLocaleString('en')} decisions/s`);
  }
}
