import type { Stamp } from './answers.ts';
import { ownDevices } from './own-devices.ts';
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
  /** Whether these steps, gone now, have led to the same place since the start. */
  held(steps: readonly Step[], start: Start): boolean;
  /** Was what bears this stamp changed before the start, for sure? */
  predates(stamp: Stamp, start: Start): boolean;
}

/** When a compile began, in nanoseconds since 1970. */
export interface Start {
  readonly startedNs: bigint;
  /** What the kernel itself stamps later than that it stamps with this or more. */
  readonly stampsFromNs: bigint;
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
 * Kernels stamp with the time of the last timer tick (10 ms at 100 Hz), so a change after a moment may carry a stamp
 * this much before it. Where that kernel is this one, its clock was read.
 */
const TICK_NS = 10_000_000n;
/** File systems without sub-second stamps round down by up to two seconds (FAT). */
const COARSE_NS = 2_000_000_000n;

/** Was the change with this stamp surely made before the start? `isOwn`: this kernel stamps what it lies on. */
function isBefore(stamp: bigint, { startedNs, stampsFromNs }: Start, isOwn: () => boolean): boolean {
  // Nearly every stamp is that old, and dividing large numbers for 430 headers took a tenth of settling them.
  if (stamp <= startedNs - COARSE_NS) return true;
  if (stamp % 1_000_000_000n === 0n) return false;
  return stamp <= startedNs - TICK_NS || (stamp < stampsFromNs && isOwn());
}

/** `nowNs` is the wall clock in nanoseconds; `stampsItself`: whether this kernel stamps what lies on a device. */
export function pathHistory(nowNs: () => bigint, stampsItself = ownDevices()): PathHistory {
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
  const holds = ({ kind, at, stamp }: Step, start: Start): boolean => {
    if (isBefore(stamp.ctime, start, () => stampsItself(stamp.dev))) return true;
    const since = seen.get(at)?.since;
    return kind === 'directory' && isSeen(at, stamp) && since !== undefined && since <= start.startedNs;
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
    held(steps, start) {
      const held = steps.every((step) => holds(step, start));
      steps.forEach(note);
      return held;
    },
    predates: ({ mtime, ctime, dev }, start) => isBefore(mtime > ctime ? mtime : ctime, start, () => stampsItself(dev)),
  };
}
