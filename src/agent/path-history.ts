import { lstatSync, readlinkSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';

/**
 * Whether a name still leads where it led when a compile began. A file's own stamps do not tell: a link turned to
 * another directory, or a directory moved into the place of another, brings files whose stamps are old. So every
 * step of the way is looked at: links must be older than the compile; a directory that was moved has a new ctime. But so
 * has one in which a file was made, as every compile does beside its object; that one has to be the same (device and
 * inode) as it was seen to be before the compile.
 */
export interface PathHistory {
  /** Remembers which directories lie on the ways to these paths now. */
  note(paths: Iterable<string>): void;
  /** A judge of ways since a moment; asks for each step once, so it is for one sitting. */
  since(startedNs: bigint): (path: string) => boolean;
}

interface Seen {
  readonly identity: string;
  /** Since when it has been this directory, in nanoseconds. */
  readonly since: bigint;
}

/** One step of a way. */
type Component =
  | { readonly kind: 'directory'; readonly identity: string; readonly ctime: bigint }
  | { readonly kind: 'link'; readonly target: string; readonly ctime: bigint }
  | { readonly kind: 'other' };

/** Directories remembered before the memory starts anew. */
const MEMORY_LIMIT = 50_000;
/** As many as the kernel follows in one path. */
const MAX_LINKS = 40;

/**
 * Kernels stamp with the time of the last timer tick (4 ms at 250 Hz), so a change after a moment may carry a stamp
 * this much before it.
 */
const TICK_NS = 10_000_000n;
/** File systems without sub-second stamps round down by up to two seconds (FAT). */
const COARSE_NS = 2_000_000_000n;

/** Was the change with this stamp surely made before the moment? */
export function isBefore(stamp: bigint, moment: bigint): boolean {
  return stamp <= moment - (stamp % 1_000_000_000n === 0n ? COARSE_NS : TICK_NS);
}

/** `nowNs` is the wall clock in nanoseconds. */
export function pathHistory(nowNs: () => bigint): PathHistory {
  const seen = new Map<string, Seen>();
  const note = (path: string, identity: string): void => {
    if (seen.get(path)?.identity === identity) return;
    if (seen.size >= MEMORY_LIMIT) seen.clear();
    seen.set(path, { identity, since: nowNs() });
  };
  const holds = (path: string, component: Component, startedNs: bigint): boolean => {
    if (component.kind === 'other') return true;
    if (isBefore(component.ctime, startedNs)) return true;
    if (component.kind === 'link') return false;
    const known = seen.get(path);
    return known !== undefined && known.identity === component.identity && known.since <= startedNs;
  };
  return {
    note(paths) {
      const steps = componentMemory();
      for (const path of paths)
        walkWay(path, steps, (at, step) => {
          if (step.kind === 'directory') note(at, step.identity);
          return true;
        });
    },
    since(startedNs) {
      const steps = componentMemory();
      const verdicts = new Map<string, boolean>();
      return (path) =>
        walkWay(path, steps, (at, step) => {
          let verdict = verdicts.get(at);
          if (verdict === undefined) {
            verdict = holds(at, step, startedNs);
            verdicts.set(at, verdict);
            if (step.kind === 'directory') note(at, step.identity);
          }
          return verdict;
        });
    },
  };
}

/** Visits every step of a way as the kernel would. False if `visit` said so, or if the way ends. */
function walkWay(
  path: string,
  componentAt: (path: string) => Component | undefined,
  visit: (at: string, step: Component) => boolean,
): boolean {
  const pending = path.split('/').reverse();
  let at = '';
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      continue;
    }
    const next = `${at}/${name}`;
    const step = componentAt(next);
    if (step === undefined || !visit(next, step)) return false;
    if (step.kind !== 'link') {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) return false;
    if (step.target.startsWith('/')) at = '';
    pending.push(...step.target.split('/').reverse());
  }
  return true;
}

function componentMemory(): (path: string) => Component | undefined {
  const known = new Map<string, Component | undefined>();
  return (path) => {
    if (!known.has(path)) known.set(path, componentNow(path));
    return known.get(path);
  };
}

function componentNow(path: string): Component | undefined {
  try {
    const st = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    if (st === undefined) return undefined;
    if (st.isSymbolicLink())
      return { kind: 'link', target: fromBytes(readlinkSync(fsPath(path), { encoding: 'buffer' })), ctime: st.ctimeNs };
    if (!st.isDirectory()) return { kind: 'other' };
    return { kind: 'directory', identity: `${st.dev}:${st.ino}`, ctime: st.ctimeNs };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
