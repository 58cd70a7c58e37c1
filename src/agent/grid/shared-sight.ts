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

/**
 * As long as this no second look is taken at files that nobody had touched for {@link QUIET_MS}, where their directory has
 * the same entries: most headers, at 4 microseconds each. One that is changed in place meanwhile costs a compile in vain.
 */
const TRUSTED_MS = 2_000;
const QUIET_MS = 60_000;
const NS_PER_MS = 1_000_000n;

/** `now`: a clock that never goes back; `wallClock`: milliseconds since 1970, as files are stamped. */
export function sharedSight(files: FileStates, now: () => number, wallClock: () => number = Date.now): SharedSight {
  let kept: { readonly sight: Sight; readonly at: number; readonly isWhole: boolean } | undefined;
  let droppedAt = 0;
  const begin = (since: number): Sight => {
    const at = now();
    const quietBefore = BigInt(wallClock() - QUIET_MS) * NS_PER_MS;
    const sight = takeSight(files, { now: at, since, quietBefore });
    kept = { sight, at, isWhole: since > at };
    return sight;
  };
  return {
    take() {
      const at = now();
      return kept !== undefined && at - kept.at <= KEPT_MS ? kept.sight : begin(Math.max(at - TRUSTED_MS, droppedAt));
    },
    takeAfter(moment) {
      const isUsable = kept?.isWhole === true && kept.at > moment && now() - kept.at <= FRESH_MS;
      return kept !== undefined && isUsable ? kept.sight : begin(Number.POSITIVE_INFINITY);
    },
    drop() {
      kept = undefined;
      droppedAt = now();
    },
  };
}
