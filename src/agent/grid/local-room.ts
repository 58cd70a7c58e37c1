import { followLoad, freshLoad } from './load-rule.ts';
import { localLimit } from './local-slots.ts';
import type { LoadSample, MachineLoad } from './machine-load.ts';

/** How many compiles this machine starts by choice while there is a grid. */
export interface LocalRoom {
  /** By a setting: a number is kept to, `auto` follows the load, but leaves others no more than there are slots elsewhere. */
  limit(setting: number | 'auto', slotsElsewhere: number): number;
  /** What `auto` is, as far as was looked at lately; asking for it looks at nothing. */
  readonly now: number;
}

export interface RoomPorts {
  readonly load: MachineLoad;
  readonly processors: number;
  /** Compiles of ours that run now. */
  readonly running: () => number;
  /** There is room for more than before. */
  readonly grew: () => void;
  /** Calls `act` once after so many milliseconds, without keeping the process alive. */
  readonly after: (ms: number, act: () => void) => void;
}

/** Between two looks at the machine. */
const LOOK_EVERY_MS = 500;
/** After a pause of so many milliseconds nothing is believed of what was before. */
const FORGET_MS = 10_000;

/** Looks at the machine only while it is asked, or compiles run that it has something to say of. */
export function localRoom({ load, processors, running, grew, after }: RoomPorts): LocalRoom {
  let state = freshLoad(processors);
  let before: LoadSample | undefined;
  let isLooking = false;
  let asked = false;
  const look = (): void => {
    const now = load.sample();
    const { limit } = state;
    state = followLoad(state, before ?? now, now, running(), processors);
    before = now;
    isLooking = asked || running() > 0;
    asked = false;
    if (isLooking) after(LOOK_EVERY_MS, look);
    if (state.limit > limit) grew();
  };
  return {
    limit(setting, slotsElsewhere) {
      if (setting !== 'auto') return localLimit(setting);
      asked = true;
      if (!isLooking) {
        isLooking = true;
        const now = load.sample();
        const isSoon = before !== undefined && now.atMs - before.atMs < FORGET_MS;
        state = { ...freshLoad(processors), ...(isSoon ? { limit: state.limit } : {}) };
        before = now;
        after(LOOK_EVERY_MS, look);
      }
      // A busy machine with one small worker would else be slower than with none.
      return Math.max(state.limit, processors - slotsElsewhere);
    },
    get now() {
      return state.limit;
    },
  };
}
