import type { Stamp } from './answers.ts';
import type { Step, Ways } from './ways.ts';

/**
 * Whether a name still leads where it led when a compile began. A file's own stamps do not tell: a link turned to
 * another directory, or a directory moved into the place of another, brings files whose stamps are old. So every
 * step of the way is looked at: links must be older than the compile; a directory that was moved has a new ctime. But so
 * has one in which a file was made, as every compile does beside its object; that one has to be the same (device and
 * inode) as it was seen to be before the compile.
 */
export interface PathHistory {
  /** Remembers which directories lie on the ways to these paths now. True if any was not known yet. */
  note(paths: Iterable<string>, ways: Ways): boolean;
  /** Whether these steps, gone now, have led to the same place since a moment. */
  held(steps: readonly Step[], sinceNs: bigint): boolean;
}

interface Seen {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Since when it has been this directory, in nanoseconds. */
  readonly since: bigint;
}

/** Directories remembered before the memory starts anew. */
const MEMORY_LIMIT = 50_000;
/**
 * Kernels stamp with the time of the last timer tick (4 ms at 250 Hz), so a change after a moment may carry a stamp
 * this much before it.
 */
const TICK_NS = 10_000_000n;
/** File systems without sub-second stamps round down by up to two seconds (FAT). */
const COARSE_NS = 2_000_000_000n;

/** Was the change with this stamp surely made before the moment? */
export function isBefore(stamp: bigint, moment: bigint): boolean {
  // Nearly every stamp is that old, and dividing large numbers for 430 headers took a tenth of settling them.
  if (stamp <= moment - COARSE_NS) return true;
  return stamp <= moment - TICK_NS && stamp % 1_000_000_000n !== 0n;
}

/** `nowNs` is the wall clock in nanoseconds. */
export function pathHistory(nowNs: () => bigint): PathHistory {
  const seen = new Map<string, Seen>();
  const isSeen = (at: string, { dev, ino }: Stamp): boolean => {
    const known = seen.get(at);
    return known !== undefined && known.ino === ino && known.dev === dev;
  };
  const note = ({ kind, at, stamp }: Step): boolean => {
    if (kind !== 'directory' || isSeen(at, stamp)) return false;
    if (seen.size >= MEMORY_LIMIT) seen.clear();
    seen.set(at, { dev: stamp.dev, ino: stamp.ino, since: nowNs() });
    return true;
  };
  const holds = ({ kind, at, stamp }: Step, moment: bigint): boolean => {
    if (isBefore(stamp.ctime, moment)) return true;
    return kind === 'directory' && isSeen(at, stamp) && (seen.get(at)?.since ?? moment) <= moment;
  };
  return {
    note(paths, ways) {
      const done = new Set<readonly Step[]>();
      let isNew = false;
      for (const path of paths) {
        const steps = ways.find(path)?.steps;
        if (steps === undefined || done.has(steps)) continue;
        done.add(steps);
        for (const step of steps) isNew = note(step) || isNew;
      }
      return isNew;
    },
    held(steps, sinceNs) {
      const held = steps.every((step) => holds(step, sinceNs));
      steps.forEach(note);
      return held;
    },
  };
}
