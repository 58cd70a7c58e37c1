/** Edits of files in the small tree: what editors, version control, generators and people do to headers. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
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
import { DIRECTORIES, responseText } from './edits-line.ts';
import { chance, headerText, NAMES, sourceText, withOtherDigit } from './edits-texts.ts';
import { installProgram, type Tools, writeIn } from './edits-tree.ts';

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
  const st = statSync(path, { throwIfNoEntry: false });
  return st === undefined ? 'absent' : st.isFile() ? 'file' : 'directory';
}

const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;

function onHeader(change: (path: string, site: Site) => unknown): Edit['apply'] {
  return (site) => {
    const headers = headersOf(site.root);
    const path = chance(site.random, 0.12)
      ? pick(site.random, ['src/main.c', 'src/main.cc'])
      : pick(site.random, headers);
    return path !== undefined && change(join(site.root, path), site) !== false;
  };
}

function keepingTimes(path: string, change: () => void): void {
  const { atimeMs, mtimeMs } = statSync(path);
  change();
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
}

const newText = (path: string, random: Random): string => {
  const name = NAMES.find((known) => path.endsWith(`/${known}`));
  return name === undefined ? sourceText(random) : headerText(name, random);
};

const text = (path: string): string => readFileSync(path, 'latin1');

/** A place for a header where none is, in any directory of the search list or beside a source. */
function freePlace({ root, random }: Site): string | undefined {
  const free = [...DIRECTORIES, 'src']
    .flatMap((directory) => NAMES.map((name) => join(root, directory, name)))
    .filter((path) => kindOf(path) === 'absent' && !isLink(path) && kindOf(dirname(path)) !== 'file');
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
  { name: 'precompiled header appears', weight: 1, apply: precompile },
  {
    name: 'precompiled header gone',
    weight: 2,
    apply: ({ root }) => {
      const found = [...DIRECTORIES, 'src'].flatMap((directory) =>
        NAMES.map((name) => join(root, directory, `${name}.gch`)).filter((path) => kindOf(path) !== 'absent'),
      );
      for (const path of found) rmSync(path, { recursive: true });
      return found.length > 0;
    },
  },
  {
    name: 'binary data changed',
    weight: 1,
    apply: ({ root, random }) => done(() => writeIn(root, 'data.bin', `a${random()}`)),
  },
  {
    name: 'response file changed',
    weight: 2,
    apply: ({ root, random }) => done(() => writeIn(root, 'args.rsp', responseText(random))),
  },
  {
    name: 'settings file',
    weight: 1,
    apply: ({ root, random }) => {
      const path = join(root, 'hybridgrid.yaml');
      if (kindOf(path) === 'file') rmSync(path);
      else
        writeFileSync(path, pick(random, ['cache:\n  enabled: false\n', 'compile:\n  quiet: true\n', 'no: [sense\n']));
      return true;
    },
  },
  { name: 'compiler upgraded in place', weight: 2, apply: upgrade },
  { name: 'assembler shadowed', weight: 1, apply: shadowAssembler },
];

function done(action: () => void): boolean {
  action();
  return true;
}

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

/** A real one made of other bytes than the header has now, or something that only bears the name. */
function precompile({ root, random }: Site): boolean {
  const path = join(root, pick(random, headersOf(root)));
  const name = `${path}.gch`;
  if (kindOf(name) !== 'absent') return false;
  const roll = random();
  if (roll < 0.35) writeFileSync(name, 'no precompiled header\n');
  else if (roll < 0.5) mkdirSync(name);
  else {
    const before = text(path);
    keepingTimes(path, () => {
      writeFileSync(path, withOtherDigit(before, random));
      try {
        execFileSync('gcc', ['-x', 'c-header', '-I', join(root, 'd0'), path, '-o', name], { stdio: 'ignore' });
      } catch {
        // The header does not compile by itself; nothing appears then.
      }
      writeFileSync(path, before);
    });
  }
  return true;
}

function upgrade({ root, tools, random }: Site): boolean {
  const to = join(root, 'tools/gcc');
  const from = pick(random, tools.drivers);
  const roll = random();
  if (roll < 0.5) keepingTimes(to, () => installProgram(from, to, chance(random, 0.5)));
  else installProgram(from, to, chance(random, 0.5));
  return true;
}

function shadowAssembler({ root, tools, random }: Site): boolean {
  const to = join(root, 'tools/bin/as');
  if (kindOf(to) === 'file' && chance(random, 0.4)) rmSync(to);
  else installProgram(pick(random, tools.assemblers), to, false);
  return readdirSync(dirname(to)).length >= 0;
}
