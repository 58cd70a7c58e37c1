import { isTidyName, tidyPath } from './paths.ts';
import type { FileKind, FileView } from './port.ts';

/** One path asked about. A path below an absent directory shares the probe of that directory: its absence says it all. */
export interface Probe {
  readonly path: string;
  readonly kind: FileKind;
  /** Already among the results of the walk. */
  listed: boolean;
  /** Where the view says by itself that it is absent: the directory it would be an entry of, and its name there. */
  readonly lacking?: { readonly directory: Directory; readonly name: string };
}

/** A directory as spelled, with everything asked in it so far. */
export interface Directory {
  readonly path: string;
  readonly probes: Map<string, Probe>;
}

/** Where a name was found: in `directory`, after the candidates in `before` had none. */
export interface Resolution {
  readonly name: string;
  readonly before: readonly Directory[];
  /** The file found, and the directory of the search list it lies in; undefined if there is none. */
  readonly hit: { readonly probe: Probe; readonly directory: Directory; readonly index: number } | undefined;
  /** What became of the file found; undefined as long as no include led here. */
  verdict: 'followed' | 'left out' | undefined;
  /** The candidates in `before` are among the results. */
  listed: boolean;
}

/** Name lookups over one search list; every path is asked for at most once. */
export interface Lookups {
  /** The search list, in order. */
  readonly list: readonly Directory[];
  directory(path: string): Directory;
  probe(directory: Directory, name: string): Probe;
  /** Searches the list from position `start` on. */
  resolve(start: number, name: string): Resolution;
}

export function createLookups(view: FileView, chain: readonly string[]): Lookups {
  const known = new Map<string, Directory>();
  const directory = (path: string): Directory => {
    let found = known.get(path);
    if (found === undefined) {
      found = { path: path === '/' ? '' : path, probes: new Map() };
      known.set(path, found);
    }
    return found;
  };
  const list = chain.map(directory);
  const memo: Map<string, Resolution>[] = [];
  const probe = (inside: Directory, name: string): Probe => {
    const known = inside.probes.get(name);
    if (known !== undefined) return known;
    const slash = name.lastIndexOf('/');
    const parent = slash > 0 ? probe(inside, name.slice(0, slash)) : undefined;
    const fresh = parent?.kind === 'absent' ? parent : ask(view, inside, name);
    inside.probes.set(name, fresh);
    return fresh;
  };
  const search = (start: number, name: string): Resolution => {
    for (let index = start; index < list.length; index++) {
      const inside = list[index] as Directory;
      const found = probe(inside, name);
      if (isOpened(found.kind))
        return resolution(name, list.slice(start, index), { probe: found, directory: inside, index });
    }
    return resolution(name, list.slice(start), undefined);
  };
  const resolve = (start: number, name: string): Resolution => {
    memo[start] ??= new Map();
    const table = memo[start];
    let found = table.get(name);
    if (found === undefined) {
      found = search(start, name);
      table.set(name, found);
    }
    return found;
  };
  return { list, directory, probe, resolve };
}

function resolution(name: string, before: readonly Directory[], hit: Resolution['hit']): Resolution {
  return { name, before, hit, verdict: undefined, listed: false };
}

function ask(view: FileView, directory: Directory, name: string): Probe {
  const simple = directory.path !== '' && !name.includes('/') && name !== '.' && name !== '..';
  if (simple && view.lacks?.(directory.path, name) === true)
    return { path: `${directory.path}/${name}`, kind: 'absent', listed: false, lacking: { directory, name } };
  const path = isTidyName(name) ? `${directory.path}/${name}` : tidyPath(`${directory.path}/${name}`);
  return { path, kind: view.kindOf(path), listed: false };
}

/** Both compilers pass over a directory that bears a header's name and open anything else. */
export function isOpened(kind: FileKind): boolean {
  return kind === 'file' || kind === 'other';
}
