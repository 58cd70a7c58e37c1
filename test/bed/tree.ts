/** What a directory holds, so that two runs in the same place can be compared file by file. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { forDisplay, fsPath } from '../../src/base/byte-string.ts';
import { sha256 } from '../../src/base/digest.ts';

/** Path from the root of the tree (a byte string) to a description of everything about the file but its times. */
export type Tree = ReadonlyMap<string, string>;

function describe(path: string): string {
  const stat = lstatSync(fsPath(path));
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isSymbolicLink()) return `link to ${readlinkSync(fsPath(path), 'latin1')}`;
  if (stat.isDirectory()) return `directory ${mode}`;
  if (stat.isFIFO()) return `fifo ${mode}`;
  if (stat.isCharacterDevice()) return `device ${stat.rdev} ${mode}`;
  if (!stat.isFile()) return `other ${mode}`;
  return `file ${mode} links ${stat.nlink} owner ${stat.uid} size ${stat.size} ${sha256(readFileSync(fsPath(path)))}`;
}

/** Reads a tree; `wanted` picks files by path (directories are always entered, and listed only without `wanted`). */
export function readTree(root: string, wanted?: (path: string) => boolean): Tree {
  const tree = new Map<string, string>();
  const enter = (directory: string, prefix: string): void => {
    for (const name of readdirSync(fsPath(directory), { encoding: 'latin1' })) {
      const path = `${directory}/${name}`;
      const relative = prefix + name;
      const description = wanted === undefined || wanted(relative) ? describe(path) : undefined;
      const isDirectory = lstatSync(fsPath(path)).isDirectory();
      if (description !== undefined && !(isDirectory && wanted !== undefined)) tree.set(relative, description);
      if (isDirectory) enter(path, `${relative}/`);
    }
  };
  enter(root, '');
  return tree;
}

/** Every path on which two trees disagree, with what each says. Empty when they are the same. */
export function treeDifferences(expected: Tree, found: Tree): string[] {
  const paths = new Set([...expected.keys(), ...found.keys()]);
  return [...paths]
    .filter((path) => expected.get(path) !== found.get(path))
    .sort()
    .map(
      (path) => `${forDisplay(path)}: plain: ${expected.get(path) ?? 'absent'}; ours: ${found.get(path) ?? 'absent'}`,
    );
}

/** What compilers leave behind: objects, depfiles, split debug information, coverage notes, stack usage. */
export function isCompilerOutput(path: string): boolean {
  return /\.(o|d|dwo|gcno|su|ci)$/.test(path);
}
