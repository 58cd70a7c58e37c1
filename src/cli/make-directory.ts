import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * `mkdir -p`. Not `mkdirSync` with `recursive`: where a file system answers ENOENT below a directory that exists
 * (/proc does, as the home of a service account may be), that one never returns (Node 24.21).
 */
export function makeDirectory(path: string, mode = 0o777): void {
  if (makeLast(path, mode)) return;
  makeDirectory(dirname(path), mode);
  makeLast(path, mode);
}

/** False where the directory above is missing. */
function makeLast(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    return false;
  }
}
