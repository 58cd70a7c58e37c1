import { lstatSync, mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromNative } from '../../base/byte-string.ts';
import { makeDirectories } from '../../cas/make-directories.ts';
import { stateDirectory } from '../installation.ts';
import { quickHash } from './quick-hash.ts';

/**
 * The masquerade directory: links named like compilers, all leading to the launcher. It is named by what it holds and
 * never changed afterwards, because builds with other PATHs run beside us, and because `configure` and Meson may write
 * its path down. `undefined` where no private directory can be made: then the tool runs without it.
 */
export function linkDirectory(launcher: string, names: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const id = quickHash([launcher, ...names].join('\0'));
  for (const base of privateBases(env)) {
    const directory = join(base, 'links', id);
    try {
      if (holdsLinks(directory, launcher, names)) return directory;
      createLinks(join(base, 'links'), directory, launcher, names);
      return directory;
    } catch {
      // Read-only home, full disk: the next place.
    }
  }
  return undefined;
}

function privateBases(env: NodeJS.ProcessEnv): readonly string[] {
  const uid = process.getuid?.() ?? 0;
  const state = stateDirectory(env);
  const bases: string[] = [];
  // Under sudo HOME may be somebody else's: files of root in there would be in that user's way.
  if (state !== undefined && ownerOfNearest(state) === uid) bases.push(state);
  const shared = join(tmpdir(), `hybridgrid-${uid}`);
  try {
    makeDirectories(fromNative(shared), 0o700);
    const stats = lstatSync(shared);
    if (stats.isDirectory() && stats.uid === uid && (stats.mode & 0o022) === 0) bases.push(shared);
  } catch {
    // No temporary directory either.
  }
  // A colon would end the entry in PATH.
  return bases.filter((base) => !base.includes(':'));
}

/** Owner of the path or of the nearest directory above it that exists. */
function ownerOfNearest(path: string): number | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined) return stats.uid;
  const parent = join(path, '..');
  return parent === path ? undefined : ownerOfNearest(parent);
}

function holdsLinks(directory: string, launcher: string, names: readonly string[]): boolean {
  try {
    const present = new Set(readdirSync(directory));
    return (
      present.size === names.length &&
      names.every((name) => present.has(name) && readlinkSync(join(directory, name)) === launcher)
    );
  } catch {
    return false;
  }
}

/** Appears whole or not at all; of two that make it at once one wins and both have the same. */
function createLinks(parent: string, directory: string, launcher: string, names: readonly string[]): void {
  makeDirectories(fromNative(parent), 0o700);
  const fresh = mkdtempSync(join(parent, '.new-'));
  try {
    for (const name of names) symlinkSync(launcher, join(fresh, name));
    // Left half-cleaned by somebody: in the way of the rename, and of no use.
    if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined)
      rmSync(directory, { recursive: true, force: true });
    renameSync(fresh, directory);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!holdsLinks(directory, launcher, names)) throw error;
  }
}

/** `install-links DIR`: a directory of the user's own. Files that are no links to us are left alone and named. */
export function installLinks(
  directory: string,
  launcher: string,
  names: readonly string[],
): { made: string[]; kept: string[] } {
  makeDirectories(fromNative(directory));
  const made: string[] = [];
  const kept: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const present = lstatSync(path, { throwIfNoEntry: false });
    if (present !== undefined && !(present.isSymbolicLink() && readlinkSync(path).endsWith('/hg-launcher'))) {
      kept.push(name);
      continue;
    }
    // Renaming over the old link: a build that runs now never finds the name missing.
    const fresh = join(directory, `.${name}.${process.pid}`);
    symlinkSync(launcher, fresh);
    renameSync(fresh, path);
    made.push(name);
  }
  return { made, kept };
}
