import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import type { Stamp } from './answers.ts';
import { type StampedKind, sameStamp, statKind, toStamp } from './file-state.ts';
import type { SeenFile } from './seen-files.ts';

/** One step of the way that a path takes through the file system. `at` holds no link before its last component. */
export type Step =
  | { readonly kind: 'directory'; readonly at: string; readonly stamp: Stamp }
  | { readonly kind: 'link'; readonly at: string; readonly stamp: Stamp; readonly target: string };

/** Where a path leads. */
export interface Way {
  /** The path without links, dots and doubled slashes. */
  readonly real: string;
  /** Every directory and link passed, in order. */
  readonly steps: readonly Step[];
  /** What lies there. */
  readonly end: StampedKind;
  /** The last name of the path is a link, or may be one. */
  readonly isLink: boolean;
  /** What lies there as a file, once it was asked for: see seenFile in seen-files.ts. */
  seen?: SeenFile;
}

/**
 * Ways as of one sitting: each directory is asked for at most once. A stamp proves what lies at the end of a way, never
 * the way itself: a link turned to a hard link of the same file, or a directory moved and a link left in its place, keep
 * every stamp, and yet compilers print other names.
 */
export interface Ways {
  /** Undefined if nothing lies at the end. */
  find(path: string): Way | undefined;
  /** What was found in this sitting; undefined also for what was not asked for. */
  known(path: string): Way | undefined;
}

/** As many as the kernel follows in one path. */
const MAX_LINKS = 40;

type Node = { readonly stamped: StampedKind; readonly target: string | undefined };

/** A way, and that of the directory above it from which it was made. */
interface KeptWay {
  readonly way: Way;
  readonly above: Way | undefined;
  /** When it was last looked at, by the clock of {@link Trust}. */
  lookedAt: number;
}

/** Ways found in earlier sittings, by path. Where nothing has changed the same objects are found again. */
export type WayMemory = Map<string, KeptWay>;

/** Ways kept before the memory starts anew; some 300 bytes each. */
const MEMORY_LIMIT = 200_000;

/**
 * For whom a stale answer costs time but no truth: files that had been left alone for long need not be looked at again
 * so soon, as long as their directory has the entries it had.
 */
export interface Trust {
  /** Milliseconds of a clock that never goes back, as of now and as of the oldest look that will do. */
  readonly now: number;
  readonly since: number;
  /** Nanoseconds since 1970: what was changed later is looked at. */
  readonly quietBefore: bigint;
}

const NO_TRUST: Trust = { now: Number.NEGATIVE_INFINITY, since: Number.POSITIVE_INFINITY, quietBefore: 0n };

/** Opens a sitting. `memory`: of earlier ones; what it holds is looked at again, but not made anew if it is the same. */
export function openWays(memory: WayMemory = new Map(), trust: Trust = NO_TRUST): Ways {
  return new Sitting(memory, trust);
}

class Sitting implements Ways {
  readonly #memory: WayMemory;
  readonly #trust: Trust;
  readonly #nodes = new Map<string, Node | undefined>();
  readonly #found = new Map<string, Way | undefined>();

  constructor(memory: WayMemory, trust: Trust) {
    this.#memory = memory;
    this.#trust = trust;
  }

  known(path: string): Way | undefined {
    return this.#found.get(path);
  }

  find(path: string): Way | undefined {
    const known = this.#found.get(path);
    if (known !== undefined || this.#found.has(path)) return known;
    const way = this.#search(path);
    this.#found.set(path, way);
    return way;
  }

  #search(path: string): Way | undefined {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    if (slash < 0) return undefined;
    if (slash === 0 || name === '' || name === '.' || name === '..') return this.#wholeWay(path);
    const directory = this.find(path.slice(0, slash));
    return directory === undefined ? undefined : this.#wayInto(directory, name, path);
  }

  #wayInto(directory: Way, name: string, path: string): Way | undefined {
    const kept = this.#memory.get(path);
    const before = kept?.above?.real === directory.real ? kept : undefined;
    if (before !== undefined && this.#isTrusted(before, directory)) return this.#again(path, before, directory);
    const real = before?.way.real ?? (directory.real === '/' ? `/${name}` : `${directory.real}/${name}`);
    const node = nodeNow(real, before?.way.end);
    if (node?.target !== undefined) return this.#wholeWay(path);
    if (node === undefined) return undefined;
    const end = node.stamped;
    if (before?.way.end === end) {
      before.lookedAt = Math.max(before.lookedAt, this.#trust.now);
      return this.#again(path, before, directory);
    }
    return this.#keep(path, wayTo(real, end, directory), directory, this.#trust.now);
  }

  /** The way that was found before, by new steps if something has changed on it. */
  #again(path: string, { way, above, lookedAt }: KeptWay, directory: Way): Way {
    if (above === directory) return way;
    return this.#keep(path, wayTo(way.real, way.end, directory), directory, lookedAt);
  }

  #isTrusted({ way: { end }, above, lookedAt }: KeptWay, directory: Way): boolean {
    const { since, quietBefore } = this.#trust;
    const { mtime, ctime } = end.stamp;
    const isQuiet = end.kind === 'file' && ctime < quietBefore && mtime < quietBefore;
    return lookedAt >= since && isQuiet && above?.end === directory.end;
  }

  #wholeWay(path: string): Way | undefined {
    const way = walkWay(path, (at) => this.#nodeAt(at));
    if (way === undefined) return undefined;
    const kept = this.#memory.get(path)?.way;
    if (kept !== undefined && sameWay(kept, way)) return kept;
    // Where only a directory on the way is another, what was read at its end is still true.
    const end = kept !== undefined && isSameEnd(kept.end, way.end) ? kept.end : way.end;
    return this.#keep(path, { ...way, end }, undefined, this.#trust.now);
  }

  #nodeAt(path: string): Node | undefined {
    if (!this.#nodes.has(path)) this.#nodes.set(path, nodeNow(path));
    return this.#nodes.get(path);
  }

  #keep(path: string, way: Way, above: Way | undefined, lookedAt: number): Way {
    if (this.#memory.size >= MEMORY_LIMIT) this.#memory.clear();
    this.#memory.set(path, { way, above, lookedAt });
    return way;
  }
}

function wayTo(real: string, end: StampedKind, { steps }: Way): Way {
  if (end.kind !== 'directory') return { real, steps, end, isLink: false };
  return { real, steps: [...steps, { kind: 'directory', at: real, stamp: end.stamp }], end, isLink: false };
}

function sameWay(one: Way, other: Way): boolean {
  return (
    one.real === other.real &&
    isSameEnd(one.end, other.end) &&
    one.steps.length === other.steps.length &&
    one.steps.every((step, i) => sameStep(step, other.steps[i] as Step))
  );
}

function isSameEnd(one: StampedKind, other: StampedKind): boolean {
  return one.kind === other.kind && sameStamp(one.stamp, other.stamp);
}

function sameStep(one: Step, other: Step): boolean {
  if (one.at !== other.at || !sameStamp(one.stamp, other.stamp)) return false;
  return one.kind === 'link' ? other.kind === 'link' && one.target === other.target : other.kind === 'directory';
}

/** Goes as the kernel does, from the root. */
function walkWay(path: string, nodeAt: (path: string) => Node | undefined): Way | undefined {
  const pending = path.split('/').reverse();
  const steps: Step[] = [];
  let at = '';
  let links = 0;
  let end: StampedKind | undefined;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      end = undefined;
      continue;
    }
    const next = `${at}/${name}`;
    const node = nodeAt(next);
    if (node === undefined) return undefined;
    const { stamp } = node.stamped;
    if (node.target !== undefined) {
      if (++links > MAX_LINKS) return undefined;
      steps.push({ kind: 'link', at: next, stamp, target: node.target });
      if (node.target.startsWith('/')) at = '';
      pending.push(...node.target.split('/').reverse());
      end = undefined;
      continue;
    }
    if (node.stamped.kind === 'directory') steps.push({ kind: 'directory', at: next, stamp });
    at = next;
    end = node.stamped;
  }
  end ??= nodeNow(at === '' ? '/' : at)?.stamped;
  return end === undefined ? undefined : { real: at === '' ? '/' : at, steps, end, isLink: true };
}

/** What lies at a path without links on its way, as it is now. */
export function lookAt(real: string): StampedKind | undefined {
  return nodeNow(real)?.stamped;
}

/** What is at a path whose directory is free of links; `before` itself, if that is what still lies there. */
function nodeNow(path: string, before?: StampedKind): Node | undefined {
  try {
    const st = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    if (st === undefined) return undefined;
    if (st.isSymbolicLink()) {
      const target = fromBytes(readlinkSync(fsPath(path), { encoding: 'buffer' }));
      return { stamped: { kind: statKind(st), stamp: toStamp(st) }, target };
    }
    const isSame = before !== undefined && isStamp(before.stamp, st) && before.kind === statKind(st);
    return { stamped: isSame ? before : { kind: statKind(st), stamp: toStamp(st) }, target: undefined };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function isStamp({ dev, ino, size, mtime, ctime }: Stamp, st: BigIntStats): boolean {
  return ctime === st.ctimeNs && mtime === st.mtimeNs && ino === st.ino && size === st.size && dev === st.dev;
}
