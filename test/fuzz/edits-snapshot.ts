/** States of a small tree, kept in memory so that the fuzzer can go back to one of them. */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

export type Node =
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'file'; readonly content: string; readonly mtimeMs: number; readonly program: boolean };

/** Relative path to what lies there, parents before their children. */
export type Snapshot = ReadonlyMap<string, Node>;

/** Everything below a directory but for what builds write into `out`. */
export function takeSnapshot(root: string): Snapshot {
  const nodes = new Map<string, Node>();
  const visit = (relative: string): void => {
    for (const name of readdirSync(join(root, relative)).sort()) {
      const path = relative === '' ? name : `${relative}/${name}`;
      if (path === 'out') continue;
      const node = nodeAt(join(root, path));
      nodes.set(path, node);
      if (node.kind === 'directory') visit(path);
    }
  };
  visit('');
  return nodes;
}

function nodeAt(path: string): Node {
  const st = lstatSync(path);
  if (st.isDirectory()) return { kind: 'directory' };
  if (st.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) };
  return { kind: 'file', content: readFileSync(path, 'latin1'), mtimeMs: st.mtimeMs, program: (st.mode & 0o100) !== 0 };
}

/**
 * Makes the tree what it was. What is the same already is not touched. With `oldTimes`, files get their old
 * modification times back, as after `git checkout` by a careful tool or `cp -p`.
 */
export function restoreSnapshot(root: string, snapshot: Snapshot, oldTimes: boolean): void {
  const now = takeSnapshot(root);
  for (const path of [...now.keys()].reverse())
    if (now.get(path)?.kind !== snapshot.get(path)?.kind) rmSync(join(root, path), { recursive: true, force: true });
  for (const [path, node] of snapshot) {
    const before = now.get(path);
    const at = join(root, path);
    if (before !== undefined && before.kind === node.kind && sameNode(before, node)) continue;
    if (node.kind === 'directory') mkdirSync(at, { recursive: true });
    else if (node.kind === 'link') {
      rmSync(at, { force: true });
      symlinkSync(node.target, at);
    } else {
      // A program that runs cannot be written into.
      if (node.program) rmSync(at, { force: true });
      writeFileSync(at, node.content, { encoding: 'latin1', mode: node.program ? 0o755 : 0o644 });
      if (oldTimes) utimesSync(at, node.mtimeMs / 1000, node.mtimeMs / 1000);
    }
  }
}

function sameNode(one: Node, other: Node): boolean {
  if (one.kind === 'link') return other.kind === 'link' && one.target === other.target;
  if (one.kind === 'file') return other.kind === 'file' && one.content === other.content;
  return true;
}
