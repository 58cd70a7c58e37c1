/**
 * The scheduler for those who know tasks and workers by name and not by number: whoever simulates or tests it. It costs a
 * look-up in a table for every event, which is what numbers are there to save.
 */
import type { SchedulerEffect, SchedulerEvent } from './model.ts';
import { transition } from './scheduler.ts';
import type { SchedulerState } from './state.ts';
import { hasFlag, reserveTask, UNDER_WAY } from './tasks.ts';
import { reserveWorker } from './workers.ts';

export type NamedEvent = SchedulerEvent<string>;
export type NamedEffect = SchedulerEffect<string>;

export interface NamedScheduler {
  /** {@link transition}, with names. */
  step(event: NamedEvent, nowMs: number): readonly NamedEffect[];
  /** The number of a task; undefined where none of that name is under way. */
  task(name: string): number | undefined;
  /** All tasks under way. */
  tasks(): readonly string[];
}

/** Nobody has it: events about it are ignored. */
const UNKNOWN = -1;

export function byName(state: SchedulerState): NamedScheduler {
  const tasks = namesOf(() => reserveTask(state.tasks));
  const workers = namesOf(() => reserveWorker(state.crew));

  function numbered(event: NamedEvent): SchedulerEvent {
    switch (event.kind) {
      case 'worker-attached':
        return { ...event, worker: workers.enter(event.offer.id) };
      case 'task-submitted':
        if (task(event.task.id) !== undefined) throw new Error(`task ${event.task.id} was submitted twice`);
        return { ...event, task: { ...event.task, id: tasks.enter(event.task.id) } };
      case 'worker-heartbeat':
      case 'worker-detached':
      case 'worker-draining':
        return { ...event, worker: workers.number(event.worker) };
      case 'task-ended':
        return { ...event, task: tasks.number(event.task), worker: workers.number(event.worker) };
      case 'task-cancelled':
        return { ...event, task: tasks.number(event.task) };
      default:
        return event;
    }
  }

  function named(effect: SchedulerEffect): NamedEffect {
    if (effect.kind === 'worker-lost') return { ...effect, worker: workers.name(effect.worker) };
    if (effect.kind === 'decline') return { ...effect, task: tasks.name(effect.task) };
    return { ...effect, task: tasks.name(effect.task), worker: workers.name(effect.worker) };
  }

  function task(name: string): number | undefined {
    const number = tasks.number(name);
    return hasFlag(state.tasks, number, UNDER_WAY) ? number : undefined;
  }

  return {
    step: (event, nowMs) => transition(state, numbered(event), nowMs).map(named),
    task,
    tasks: () => [...tasks.names()].filter((name) => task(name) !== undefined),
  };
}

/** Names of numbers. One stays until its number is another's, so that nobody has to say when it is over. */
function namesOf(reserve: () => number) {
  const numbers = new Map<string, number>();
  const names: string[] = [];
  return {
    enter(name: string): number {
      const number = reserve();
      const before = names[number];
      if (before !== undefined && numbers.get(before) === number) numbers.delete(before);
      names[number] = name;
      numbers.set(name, number);
      return number;
    },
    number: (name: string): number => numbers.get(name) ?? UNKNOWN,
    name: (number: number): string => names[number] as string,
    names: () => numbers.keys(),
  };
}
