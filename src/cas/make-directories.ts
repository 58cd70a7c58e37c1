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
  try {
    mkdirSync(fsPath(path), { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code !== 'ENOENT' || existsSync(fsPath(dirname(path)))) throw error;
    return false;
  }
}
