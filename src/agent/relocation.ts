import type { Digest } from '../base/digest.ts';
import { type Field, fingerprint } from '../cache/fingerprint.ts';
import type { Manifest, NewEntry } from '../cache/manifest.ts';
import type { Description } from './describe.ts';

/**
 * Two checkouts of one tree can share a result only where nothing of the directory reaches it. Below a configured base
 * directory a second key is therefore made with the directory left out, and used only if
 * - the directory is spelled in no argument and no variable, so that it can reach the compiler through getcwd alone;
 *   `__FILE__` hashed at compile time would hide it from the search for its bytes;
 * - nothing is compressed or merged later (-gz, -flto), and no coverage names files by absolute paths;
 * - no output, depfile or diagnostic holds a byte of it (with -g and no prefix map, DW_AT_comp_dir does).
 * Nothing is ever rewritten: a shared result is byte for byte what the compiler writes in the other directory.
 */
export interface Relocation {
  /** The base directory above this compile, without a trailing slash. */
  readonly base: string;
  readonly key: Field[];
}

/** Stands for the base directory in stored paths; no path starts with it. */
const HERE = '\x01';

/** Options after which bytes of the directory could hide in compressed or deferred form. */
const HIDING =
  /^-(?:gz|flto|fprofile|fbranch-prob|fauto-profile|ftest-coverage|fcoverage|-coverage|coverage|fsave-optimization|frecord|grecord)/;
/** The part of a prefix map that is replaced, which may name the base: it is taken out of the result by the map. */
const PREFIX_MAP = /^-f(?:debug|file|macro|profile)-prefix-map=([^=]*)=/;

/** The key without the base directory, or undefined where results cannot be shared. */
export function relocate(description: Description): Relocation | undefined {
  const { cwd } = description.request;
  // It holds names and macros in forms of its own, tens of megabytes of them.
  if (description.invocation.stage === 'precompiled') return undefined;
  const base = baseAbove(cwd, description.settings['cache.base_dirs']);
  if (base === undefined) return undefined;
  const key: Field[] = [];
  for (const field of description.fields) {
    const moved = relocateField(field, base);
    if (moved === undefined) return undefined;
    key.push(moved);
  }
  return { base, key: [{ tag: 'base-directory', value: '' }, ...key] };
}

/** The names of all manifests that may answer for a compile. */
export function keysOf(description: Description): readonly Digest[] {
  const relocation = relocate(description);
  return relocation === undefined ? [description.key] : [description.key, fingerprint(relocation.key)];
}

/** The longest of the base directories that `cwd` lies in. */
function baseAbove(cwd: string, bases: readonly string[]): string | undefined {
  const above = bases.map((base) => base.replace(/\/+$/, '')).filter((base) => base !== '' && isBelow(cwd, base));
  return above.sort((a, b) => b.length - a.length)[0];
}

function isBelow(path: string, base: string): boolean {
  return path === base || path.startsWith(`${base}/`);
}

function relocateField(field: Field, base: string): Field | undefined {
  const { tag, value } = field;
  if (tag === 'cwd' || tag === 'pwd')
    return isBelow(value, base) ? { tag, value: HERE + value.slice(base.length) } : undefined;
  if (tag === 'option') {
    if (HIDING.test(value)) return undefined;
    const map = PREFIX_MAP.exec(value);
    if (map !== null && isBelow(map[1] ?? '', base)) {
      const rest = value.slice(map[0].length);
      const option = value.slice(0, value.indexOf('='));
      return rest.includes(base)
        ? undefined
        : { tag, value: `${option}=${HERE}${(map[1] ?? '').slice(base.length)}=${rest}` };
    }
  }
  // The compiler may well live in the tree; its path is then part of the directory.
  return value.includes(base) ? undefined : field;
}

/** Paths of a new entry with the base directory taken out. */
export function entryWithoutBase(entry: NewEntry, base: string): NewEntry {
  const path = (text: string): string => replacePaths(text, base, HERE);
  return {
    ...entry,
    inputs: entry.inputs.map((input) => ({ ...input, path: path(input.path) })),
    present: entry.present.map(path),
    absent: entry.absent.map((group) => ({ ...group, dir: path(group.dir) })),
  };
}

/** A manifest as it reads in this base directory. */
export function manifestAt(manifest: Manifest, base: string): Manifest {
  return { ...manifest, paths: manifest.paths.map((path) => replacePaths(path, HERE, base)) };
}

/** Inputs may hold several paths joined by NUL. */
function replacePaths(text: string, from: string, to: string): string {
  if (!text.includes(from)) return text;
  return text
    .split('\0')
    .map((path) => (path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path))
    .join('\0');
}
