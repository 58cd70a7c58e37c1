import { rmSync, writeFileSync } from 'node:fs';
import { fsPath } from '../../base/byte-string.ts';

/**
 * How many compiles launchers may run here by themselves (`native/local-slots.h`): after the death of an agent that kept
 * two hundred of them waiting for the grid, and where it refuses a compile. Only while there is a grid.
 */
export interface SlotsFile {
  /** 0: there is no grid, nothing is limited. */
  keep(count: number): void;
}

/** `socketPath`: of the agent; launchers look beside it. An agent that was killed leaves the file to the next one. */
export function slotsFile(socketPath: string): SlotsFile {
  const path = fsPath(`${socketPath}.slots`);
  let kept: number | undefined;
  return {
    keep(count) {
      if (count === kept) return;
      kept = count;
      try {
        if (count === 0) rmSync(path, { force: true });
        // In place: launchers hold locks on it.
        else writeFileSync(path, `${count}\n`, { mode: 0o600 });
      } catch {
        // A full /run: nothing is limited then.
      }
    },
  };
}
