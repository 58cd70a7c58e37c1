import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The container engines there are, the preferred first. */
const ENGINES = ['docker', 'podman'];

/** The container engine of this machine, by its program; '' for none. `path`: directories to look in, as in PATH. */
export function engineOf(path: string): string {
  const directories = path.split(':').filter((directory) => directory.startsWith('/'));
  return ENGINES.find((name) => directories.some((directory) => isProgram(join(directory, name)))) ?? '';
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not ours to run.
  }
}
