import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { pick, type Random } from './command-lines-generator.ts';
import { DIRECTORIES } from './edits-line.ts';
import { chance, headerText, NAMES, sourceText, withOtherDigit } from './edits-texts.ts';
import type { Tools } from './edits-tree.ts';

export interface Site {
  readonly root: string;
  readonly tools: Tools;
  readonly random: Random;
}

/** One kind of edit. False: it does not apply to the tree as it is. */
export interface Edit {
  readonly name: string;
  readonly weight: number;
  readonly apply: (site: Site) => boolean;
}

/** Header files of the tree as they are reached, relative. */
export function headersOf(root: string): string[] {
  return [...DIRECTORIES, 'src'].flatMap((directory) =>
    NAMES.map((name) => `${directory}/${name}`).filter((path) => kindOf(join(root, path)) === 'file'),
  );
}

export function kindOf(path: string): 'file' | 'directory' | 'absent' {
  try {
    const st = statSync(path, { throwIfNoEntry: false });
    return st === undefined ? 'absent' : st.isFile() ? 'file' : 'directory';
  } catch {
    return 'absent'; // The way to it leads through a file, or in circles.
  }
}

export function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    return false; // The way to it leads through a file.
  }
}

function onHeader(change: (path: string, site: Site) => unknown): Edit['apply'] {
  return (site) => {
    const headers = headersOf(site.root);
    const path = chance(site.random, 0.12)
      ? pick(site.random, ['src/main.c', 'src/main.cc'])
      : pick(site.random, headers);
    return path !== undefined && change(join(site.root, path), site) !== false;
  };
}

export function keepingTimes(path: string, change: () => void): void {
  const { atimeMs, mtimeMs } = statSync(path);
  change();
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
}

const newText = (path: string, random: Random): string => {
  const name = NAMES.find((known) => path.endsWith(`/${known}`));
  return name === undefined ? sourceText(random) : headerText(name, random);
};

export const text = (path: string): string => readFileSync(path, 'latin1');

/** Whether no directory can be made here: a file or a link to nothing stands in the way. */
function blocked(directory: string): boolean {
  for (let path = directory; path !== '/'; path = dirname(path)) {
    if (kindOf(path) === 'file' || (kindOf(path) === 'absent' && isLink(path))) return true;
  }
  return false;
}

/** A place for a header where none is, in any directory of the search list or beside a source. */
function freePlace({ root, random }: Site): string | undefined {
  const free = [...DIRECTORIES, 'src']
    .flatMap((directory) => NAMES.map((name) => join(root, directory, name)))
    .filter((path) => kindOf(path) === 'absent' && !isLink(path) && !blocked(dirname(path)));
  return free.length === 0 ? undefined : pick(random, free);
}

function inFreePlace(make: (path: string, site: Site) => unknown): Edit['apply'] {
  return (site) => {
    const path = freePlace(site);
    if (path === undefined) return false;
    mkdirSync(dirname(path), { recursive: true });
    return make(path, site) !== false;
  };
}

/** A file is written aside and renamed over the old one, as editors do. */
function replaceBy(path: string, content: string): void {
  const aside = `${path}.new`;
  writeFileSync(aside, content, 'latin1');
  renameSync(aside, path);
}

export const FILE_EDITS: readonly Edit[] = [
  { name: 'content', weight: 3, apply: onHeader((path, { random }) => writeFileSync(path, newText(path, random))) },
  { name: 'comment only', weight: 1, apply: onHeader((path) => appendFileSync(path, '/* more */\n')) },
  {
    name: 'same size',
    weight: 3,
    apply: onHeader((path, { random }) => writeFileSync(path, withOtherDigit(text(path), random))),
  },
  {
    name: 'same size, old mtime kept',
    weight: 4,
    apply: onHeader((path, { random }) =>
      keepingTimes(path, () => writeFileSync(path, withOtherDigit(text(path), random))),
    ),
  },
  {
    name: 'other file renamed over, old mtime kept',
    weight: 2,
    apply: onHeader((path, { random }) =>
      keepingTimes(path, () => replaceBy(path, withOtherDigit(text(path), random))),
    ),
  },
  { name: 'equal file renamed over', weight: 1, apply: onHeader((path) => replaceBy(path, text(path))) },
  {
    name: 'touched only',
    weight: 1,
    apply: onHeader((path, { random }) => utimesSync(path, new Date(), pick(random, [new Date(), 1e9, 4e9]))),
  },
  {
    name: 'mode only',
    weight: 1,
    apply: onHeader((path, { random }) => chmodSync(path, pick(random, [0o644, 0o600]))),
  },
  { name: 'header gone', weight: 3, apply: onHeader((path) => (/\/main\./.test(path) ? false : rmSync(path))) },
  {
    name: 'header appears',
    weight: 6,
    apply: inFreePlace((path, { random }) => writeFileSync(path, newText(path, random))),
  },
  {
    name: 'equal header appears',
    weight: 2,
    apply: inFreePlace((path, { root, random }) => {
      const same = headersOf(root).filter((other) => path.endsWith(`/${basename(other)}`));
      if (same.length === 0) return false;
      const from = join(root, pick(random, same));
      copyFileSync(from, path);
      const { atimeMs, mtimeMs } = statSync(from);
      if (chance(random, 0.5)) utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
    }),
  },
  {
    name: 'header moved in with its old times',
    weight: 2,
    apply: inFreePlace((path, { root, random }) => {
      const same = headersOf(root).filter((other) => path.endsWith(`/${basename(other)}`));
      if (same.length === 0) return false;
      renameSync(join(root, pick(random, same)), path);
    }),
  },
  {
    name: 'hard link made',
    weight: 2,
    apply: inFreePlace((path, { root, random }) => linkSync(join(root, pick(random, headersOf(root))), path)),
  },
  {
    name: 'link to a header made',
    weight: 2,
    apply: inFreePlace((path, { root, random }) => {
      const target = join(root, pick(random, [...headersOf(root), 'd3/h0.h', 'd2/h1.h']));
      symlinkSync(chance(random, 0.5) ? target : relative(dirname(path), target), path);
    }),
  },
  { name: 'link to a header retargeted', weight: 3, apply: retarget },
  {
    name: 'header becomes a directory',
    weight: 1,
    apply: onHeader((path) => {
      if (/\/main\./.test(path)) return false;
      rmSync(path);
      mkdirSync(path);
    }),
  },
  { name: 'directory becomes a header', weight: 1, apply: undirectory },
  {
    name: 'file takes the place of a missing directory',
    weight: 1,
    apply: ({ root }) => {
      const path = ['d3', 'new']
        .map((name) => join(root, name))
        .find((name) => kindOf(name) === 'absent' && !isLink(name));
      if (path !== undefined) writeFileSync(path, 'no directory\n');
      return path !== undefined;
    },
  },
];

function retarget({ root, random }: Site): boolean {
  const links = [...DIRECTORIES, 'src']
    .flatMap((directory) => NAMES.map((name) => join(root, directory, name)))
    .filter(isLink);
  if (links.length === 0) return false;
  const link = pick(random, links);
  rmSync(link);
  symlinkSync(join(root, pick(random, [...headersOf(root), 'd3/h0.h'])), link);
  return true;
}

function undirectory({ root, random }: Site): boolean {
  const found = DIRECTORIES.flatMap((directory) => NAMES.map((name) => join(root, directory, name))).filter(
    (path) => kindOf(path) === 'directory',
  );
  if (found.length === 0) return false;
  const path = pick(random, found);
  rmSync(path, { recursive: true });
  if (chance(random, 0.7)) writeFileSync(path, newText(path, random));
  return true;
}
