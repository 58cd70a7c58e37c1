import { directoryOf, tidyPath } from './paths.ts';
import type { FileKind } from './port.ts';

/** Names that must not exist in one directory that does. */
export interface AbsentGroup {
  /** An existing directory. As long as its entries are unchanged, none of `names` can have appeared. */
  readonly dir: string;
  readonly names: readonly string[];
  /**
   * Names, or paths, below `dir` that are absent although an entry is there: a symbolic link to nothing, or a path
   * through a regular file. What lies elsewhere decides about them, so only asking by name proves their absence.
   */
  readonly byName: readonly string[];
}

/** Every absent name by directory, once: what was grouped, and what is known of whole directories. */
export function mergeLacking(
  groups: readonly AbsentGroup[],
  lacking: ReadonlyMap<string, readonly string[]>,
): readonly { readonly dir: string; readonly names: readonly string[] }[] {
  const merged = new Map<string, readonly string[]>();
  for (const { dir, names, byName } of groups) merged.set(dir, [...names, ...byName]);
  for (const [directory, names] of lacking) {
    const dir = tidyPath(directory);
    const before = merged.get(dir);
    merged.set(dir, before === undefined ? names : [...new Set([...before, ...names])]);
  }
  return Array.from(merged, ([dir, names]) => ({ dir, names }));
}

interface Growing {
  readonly names: Set<string>;
  readonly byName: Set<string>;
}

/**
 * What has to be checked for a list of absent paths: for each its topmost absent component, by the directory that
 * component would appear in. `isEntry` tells whether the directory has an entry of that name though nothing can be
 * reached by it (`lstat` succeeds); without it no such entries are assumed.
 */
export function absentGroups(
  absent: Iterable<string>,
  kindOf: (path: string) => FileKind,
  isEntry: (path: string) => boolean = () => false,
): readonly AbsentGroup[] {
  const groups = new Map<string, Growing>();
  const kinds = new Map<string, FileKind>();
  const kind = (path: string): FileKind => {
    let found = kinds.get(path);
    if (found === undefined) {
      found = kindOf(path === '' ? '/' : path);
      kinds.set(path, found);
    }
    return found;
  };
  for (const path of absent) place(tidyPath(path), kind, isEntry, groups);
  return [...groups].map(([dir, group]) => ({
    dir: dir === '' ? '/' : dir,
    names: [...group.names],
    byName: [...group.byName],
  }));
}

function place(
  path: string,
  kind: (path: string) => FileKind,
  isEntry: (path: string) => boolean,
  groups: Map<string, Growing>,
): void {
  let top = path;
  let parent = directoryOf(path);
  while (parent !== '' && kind(parent) === 'absent') {
    top = parent;
    parent = directoryOf(parent);
  }
  if (parent === '' || kind(parent) === 'directory') {
    add(groups, parent, isEntry(top) ? 'byName' : 'names', top);
    return;
  }
  // The path runs through a file: only the path itself can be asked for.
  while (parent !== '' && kind(parent) !== 'directory') parent = directoryOf(parent);
  add(groups, parent, 'byName', top);
}

function add(groups: Map<string, Growing>, dir: string, into: keyof Growing, path: string): void {
  let group = groups.get(dir);
  if (group === undefined) {
    group = { names: new Set(), byName: new Set() };
    groups.set(dir, group);
  }
  group[into].add(path.slice(dir.length + 1));
}
