import type { SchedulerEffect } from './model.ts';

/** What follows from an event, while it is being found out. */
export interface Effects {
  push(effect: SchedulerEffect): void;
  /** What was pushed, in order; nothing is left. */
  take(): readonly SchedulerEffect[];
}

const NO_EFFECTS: readonly SchedulerEffect[] = [];

/**
 * One list for all events, copied where it is taken: most events have one effect or two, and an array that one is pushed to
 * makes room for seventeen. What is thrown away drives everything else out of the processor's caches.
 */
export function newEffects(): Effects {
  const list: SchedulerEffect[] = [];
  let size = 0;
  return {
    push(effect) {
      list[size] = effect;
      size += 1;
    },
    take() {
      const taken = size;
      size = 0;
      if (taken === 0) return NO_EFFECTS;
      if (taken === 1) return [list[0] as SchedulerEffect];
      if (taken === 2) return [list[0] as SchedulerEffect, list[1] as SchedulerEffect];
      // Longer ones come in storms, which are not to be kept in memory.
      return list.splice(0).slice(0, taken);
    },
  };
}
