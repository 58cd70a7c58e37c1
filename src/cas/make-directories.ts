import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fsPath } from '../base/byte-string.ts';

/**
 * `mkdir -p` of a byte string path; throws what the system says. Not `mkdirSync` with `recursive`: where a file system
 * answers ENOENT below a directory that exists (/proc does, as the home of a service account may be), that one never
 * returns (Node 24.21). It also costs ten times as much where only the last component is missing, as it nearly
 * always is here.
 */
export function makeDirectories(path: string, mode = 0o777): void {
  if (makeLast(path, mode)) return;
  makeDirectories(dirname(path), mode);
  makeLast(path, mode);
}

/** False where the directory above is missing. */
function makeLast(path: string, mode: number): boolean {
  const found = tryToMake(path, mode);
  if (found === 'made') return true;
  if (!existsSync(fsPath(dirname(path)))) return false;
  // Somebody made the directory above just after we missed it, or the file system will never have ours.
  const again = tryToMake(path, mode);
  if (again === 'made') return true;
  throw again;
}

/** What the system says when a directory above is missing; throws whatever else it says. */
function tryToMake(path: string, mode: number): 'made' | NodeJS.ErrnoException {
  try {
    mkdirSync(fsPath(path), { mode });
    return 'made';
  } catch (error) {
    const problem = error as NodeJS.ErrnoException;
    if (problem.code === 'EEXIST') return 'made';
    if (problem.code === 'ENOENT') return problem;
    throw problem;
  }
}
