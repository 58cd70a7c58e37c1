import { lstatSync, readlinkSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import type { Stamp } from './answers.ts';
import { type StampedKind, statKind, toStamp } from './file-state.ts';

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
}

/** As many as the kernel follows in one path. */
const MAX_LINKS = 40;

type Node = { readonly stamped: StampedKind; readonly target: string | undefined };

export function openWays(): Ways {
  const nodes = new Map<string, Node | undefined>();
  const found = new Map<string, Way | undefined>();
  const nodeAt = (path: string): Node | undefined => {
    if (!nodes.has(path)) nodes.set(path, nodeNow(path));
    return nodes.get(path);
  };
  const find = (path: string): Way | undefined => {
    if (!found.has(path)) found.set(path, search(path));
    return found.get(path);
  };
  const search = (path: string): Way | undefined => {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    if (slash < 0) return undefined;
    if (slash === 0 || name === '' || name === '.' || name === '..') return walkWay(path, nodeAt);
    const above = path.slice(0, slash);
    const directory = find(above);
    if (directory === undefined) return undefined;
    const real = directory.real === '/' ? `/${name}` : `${directory.real}/${name}`;
    const node = nodeNow(real);
    if (node?.target !== undefined) return walkWay(path, nodeAt);
    if (node === undefined) return undefined;
    const last: readonly Step[] =
      node.stamped.kind === 'directory' ? [{ kind: 'directory', at: real, stamp: node.stamped.stamp }] : [];
    const steps = last.length === 0 ? directory.steps : [...directory.steps, ...last];
    return { real, steps, end: node.stamped, isLink: false };
  };
  return { find };
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

/** What is at a path whose directory is free of links. */
function nodeNow(path: string): Node | undefined {
  try {
    const st = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    if (st === undefined) return undefined;
    const stamped = { kind: statKind(st), stamp: toStamp(st) };
    if (!st.isSymbolicLink()) return { stamped, target: undefined };
    return { stamped, target: fromBytes(readlinkSync(fsPath(path), { encoding: 'buffer' })) };
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
