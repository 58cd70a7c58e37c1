import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Why nothing can be stored in a cache directory, as an errno name; `undefined` where it can be. A directory that does
 * not exist yet is judged by the nearest one above it that does. Looks only; makes nothing.
 */
export function unwritableReason(directory: string): string | undefined {
  try {
    if (!statSync(directory).isDirectory()) return 'ENOTDIR';
    accessSync(directory, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return code === 'ENOENT' && directory !== '/' ? unwritableReason(dirname(directory)) : code;
  }
}
