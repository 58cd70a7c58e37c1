import { type Sight, takeSight } from '../file-snapshot.ts';
import type { FileStates } from '../file-state.ts';

/**
 * Compiles that begin together look at the same headers: they share what was seen of them. What is a little old does no
 * harm: the result of a compile elsewhere is delivered only if all is still as it was seen, and one made here is offered
 * to others only if it saw the same.
 */
export interface SharedSight {
  take(): Sight;
  /** Something is not as it was seen. */
  drop(): void;
}

/** As long as this nothing is looked at again. A header made meanwhile sends a compile home. In milliseconds. */
const KEPT_MS = 500;

export function sharedSight(files: FileStates, now: () => number): SharedSight {
  let kept: Sight | undefined;
  let takenAt = 0;
  return {
    take() {
      if (kept === undefined || now() - takenAt > KEPT_MS) {
        kept = takeSight(files);
        takenAt = now();
      }
      return kept;
    },
    drop() {
      kept = undefined;
    },
  };
}
