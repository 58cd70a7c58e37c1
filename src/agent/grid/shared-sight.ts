import { type Sight, takeSight } from '../file-snapshot.ts';
import type { FileStates } from '../file-state.ts';

/**
 * Compiles that begin together look at the same headers: they share what was seen of them. What is a little old does no
 * harm: the result of a compile elsewhere is delivered only if all is still as it was seen, and one made here is offered
 * to others only if it saw the same. Those that ended share one as well, which then has to be younger than their ends.
 */
export interface SharedSight {
  /** For what begins. */
  take(): Sight;
  /** For what had ended at `moment`, by the clock of this object: one that began later, and a moment ago. */
  takeAfter(moment: number): Sight;
  /** Something is not as it was seen. */
  drop(): void;
}

/** As long as this nothing is looked at again. A header made meanwhile sends a compile home. In milliseconds. */
const KEPT_MS = 500;
/**
 * What is stored has to be what the compiler saw, and a sight holds looks of different moments: for that it is not used
 * longer than one piece of work takes.
 */
const FRESH_MS = 50;

/** `now`: a clock that never goes back, in milliseconds. */
export function sharedSight(files: FileStates, now: () => number): SharedSight {
  let kept: { readonly sight: Sight; readonly at: number } | undefined;
  const begin = (): Sight => {
    const sight = takeSight(files);
    kept = { sight, at: now() };
    return sight;
  };
  return {
    take() {
      return kept !== undefined && now() - kept.at <= KEPT_MS ? kept.sight : begin();
    },
    takeAfter(moment) {
      const isUsable = kept !== undefined && kept.at > moment && now() - kept.at <= FRESH_MS;
      return kept !== undefined && isUsable ? kept.sight : begin();
    },
    drop() {
      kept = undefined;
    },
  };
}
