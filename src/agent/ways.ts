import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import type { Stamp } from './answers.ts';
import { type StampedKind, sameStamp, statKind, toStamp } from './file-state.ts';

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
}

/** Ways found in earlier sittings, by path. Where nothing has changed the same objects are found again. */
export type WayMemory = Map<string, KeptWay>;

/** Ways kept before the memory starts anew; some 300 bytes each. */
const MEMORY_LIMIT = 200_000;

/** A sitting. `memory`: of earlier ones; what it holds is looked at again, but not made anew if it is the same. */
export function openWays(memory: WayMemory = new Map()): Ways {
  const nodes = new Map<string, Node | undefined>();
  const found = new Map<string, Way | undefined>();
  const nodeAt = (path: string): Node | undefined => {
    if (!nodes.has(path)) nodes.set(path, nodeNow(path));
    return nodes.get(path);
  };
  const find = (path: string): Way | undefined => {
    const known = found.get(path);
    if (known !== undefined || found.has(path)) return known;
    const now = search(path);
    found.set(path, now);
    return now;
  };
  const keep = (path: string, way: Way | undefined, above: Way | undefined): Way | undefined => {
    if (way === undefined) return undefined;
    if (memory.size >= MEMORY_LIMIT) memory.clear();
    memory.set(path, { way, above });
    return way;
  };
  const wholeWay = (path: string): Way | undefined => {
    const now = walkWay(path, nodeAt);
    const kept = memory.get(path)?.way;
    return kept !== undefined && now !== undefined && sameWay(kept, now) ? kept : keep(path, now, undefined);
  };
  const search = (path: string): Way | undefined => {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    if (slash < 0) return undefined;
    if (slash === 0 || name === '' || name === '.' || name === '..') return wholeWay(path);
    const directory = find(path.slice(0, slash));
    if (directory === undefined) return undefined;
    const kept = memory.get(path);
    const before = kept?.above?.real === directory.real ? kept.way : undefined;
    const real = before?.real ?? (directory.real === '/' ? `/${name}` : `${directory.real}/${name}`);
    const node = nodeNow(real, before?.end);
    if (node?.target !== undefined) return wholeWay(path);
    if (node === undefined) return undefined;
    const end = node.stamped;
    if (before?.end === end && kept?.above === directory) return before;
    const last: readonly Step[] = end.kind === 'directory' ? [{ kind: 'directory', at: real, stamp: end.stamp }] : [];
    const steps = last.length === 0 ? directory.steps : [...directory.steps, ...last];
    return keep(path, { real, steps, end, isLink: false }, directory);
  };
  return { find, known: (path) => found.get(path) };
}

function sameWay(one: Way, other: Way): boolean {
  return (
    one.real === other.real &&
    sameStamp(one.end.stamp, other.end.stamp) &&
    one.steps.length === other.steps.length &&
    one.steps.every((step, i) => sameStep(step, other.steps[i] as Step))
  );
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
