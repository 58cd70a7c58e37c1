/** Edits of whole directories in the small tree: moved, swapped, linked elsewhere, copied over. */
import {
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { pick } from './command-lines-generator.ts';
import { type Edit, isLink, kindOf, type Site } from './edits-files.ts';
import { DIRECTORIES } from './edits-line.ts';
import { chance, headerText, NAMES } from './edits-texts.ts';
import { writeIn } from './edits-tree.ts';

/** Directories at the top of the tree: there, and no links. */
function realDirectories(root: string): string[] {
  return ['d0', 'd1', 'd2', 'd3', 'sys', 'a long directory name', 'deep'].filter(
    (name) => kindOf(join(root, name)) === 'directory' && !isLink(join(root, name)),
  );
}

const TARGETS = ['d0', 'd1', 'd2', 'sys', 'deep/er', 'd3', 'e', 'a long directory name'];

function point(root: string, link: string, target: string): void {
  rmSync(join(root, link), { recursive: true, force: true });
  symlinkSync(target, join(root, link));
}

/** A directory with the same files as hard links. */
function linkedCopy(from: string, to: string): void {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [one, other] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkedCopy(one, other);
    else linkSync(one, other);
  }
}

function onDirectory(change: (path: string, site: Site) => void): Edit['apply'] {
  return (site) => {
    const found = realDirectories(site.root);
    if (found.length === 0) return false;
    change(join(site.root, pick(site.random, found)), site);
    return true;
  };
}

export const DIRECTORY_EDITS: readonly Edit[] = [
  {
    name: 'directory link retargeted',
    weight: 4,
    apply: ({ root, random }) => {
      const links = [...DIRECTORIES, 'e'].filter((name) => isLink(join(root, name)));
      if (links.length === 0) return false;
      const link = pick(random, links);
      const targets = TARGETS.filter((name) => name !== link && readlinkSync(join(root, link)) !== name);
      point(root, link, pick(random, targets));
      return true;
    },
  },
  {
    name: 'missing directory made',
    weight: 4,
    apply: ({ root, random }) => {
      const missing = DIRECTORIES.filter((name) => kindOf(join(root, name)) === 'absent');
      if (missing.length === 0) return false;
      const directory = pick(random, missing);
      const name = pick(random, NAMES);
      try {
        mkdirSync(join(root, directory), { recursive: true });
        if (chance(random, 0.7)) writeIn(root, `${directory}/${name}`, headerText(name, random));
      } catch {
        return false; // A file, or a link to nothing, stands in the way.
      }
      return true;
    },
  },
  {
    name: 'directory gone',
    weight: 1,
    apply: ({ root, random }) => {
      const found = ['d1', 'd3', 'new', 'deep', 'sys'].filter((name) => kindOf(join(root, name)) === 'directory');
      if (found.length === 0) return false;
      rmSync(join(root, pick(random, found)), { recursive: true, force: true });
      return true;
    },
  },
  {
    name: 'directory renamed, a link left in its place',
    weight: 3,
    apply: onDirectory((path, { root, random }) => {
      const to = join(root, pick(random, ['e', 'a rather long new name for it']));
      if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) return;
      renameSync(path, to);
      symlinkSync(to, path);
    }),
  },
  {
    name: 'link replaced by the directory it led to',
    weight: 2,
    apply: ({ root, random }) => {
      const links = [...DIRECTORIES].filter(
        (name) => isLink(join(root, name)) && kindOf(join(root, name)) === 'directory',
      );
      if (links.length === 0) return false;
      const link = join(root, pick(random, links));
      const target = join(root, readlinkSync(link).replace(`${root}/`, ''));
      if (isLink(target) || kindOf(target) !== 'directory') return false;
      rmSync(link);
      renameSync(target, link);
      return true;
    },
  },
  {
    name: 'two directories swapped',
    weight: 3,
    apply: ({ root, random }) => {
      const found = realDirectories(root).map((name) => join(root, name));
      if (found.length < 2) return false;
      const one = pick(random, found);
      const other = pick(
        random,
        found.filter((path) => path !== one),
      );
      renameSync(one, `${one}.swap`);
      renameSync(other, one);
      renameSync(`${one}.swap`, other);
      return true;
    },
  },
  {
    name: 'directory replaced by an equal copy',
    weight: 2,
    apply: onDirectory((path, { random }) => {
      cpSync(path, `${path}.copy`, {
        recursive: true,
        preserveTimestamps: chance(random, 0.6),
        verbatimSymlinks: true,
      });
      rmSync(path, { recursive: true });
      renameSync(`${path}.copy`, path);
    }),
  },
  {
    name: 'directory replaced by hard links',
    weight: 2,
    apply: onDirectory((path) => {
      linkedCopy(path, `${path}.copy`);
      rmSync(path, { recursive: true });
      renameSync(`${path}.copy`, path);
    }),
  },
  {
    name: 'link to a directory of hard links',
    weight: 2,
    apply: ({ root, random }) => {
      const link = pick(random, ['l0', 'lsys']);
      const from = join(root, link);
      if (!isLink(from) || kindOf(from) !== 'directory') return false;
      const name = pick(random, ['e', 'twin']);
      if (lstatSync(join(root, name), { throwIfNoEntry: false }) !== undefined) {
        point(root, link, name);
        return true;
      }
      linkedCopy(from, join(root, name));
      if (chance(random, 0.5)) point(root, link, name);
      return true;
    },
  },
  {
    name: 'tree moved away and back',
    weight: 1,
    apply: ({ root }) => {
      renameSync(root, `${root}.away`);
      renameSync(`${root}.away`, root);
      return true;
    },
  },
  {
    name: 'tree replaced by its copy',
    weight: 1,
    apply: ({ root, random }) => {
      cpSync(root, `${root}.copy`, {
        recursive: true,
        preserveTimestamps: chance(random, 0.6),
        verbatimSymlinks: true,
      });
      rmSync(root, { recursive: true });
      renameSync(`${root}.copy`, root);
      return true;
    },
  },
];
