/** What a build made, out of the way of the next one. */
import { existsSync, mkdtempSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Bed } from '../test/bed/environment.ts';

/**
 * Moves files and directories away without removing them: an ext4 without a journal takes 0.35 to 0.6 ms for a new file,
 * instead of 0.04 to 0.09, for a minute after thousands have been removed. They go with the bed.
 */
export function putAside({ root }: Bed, paths: readonly string[]): void {
  const there = paths.filter((path) => existsSync(path));
  if (there.length === 0) return;
  const aside = mkdtempSync(join(root, 'aside-'));
  for (const path of there) renameSync(path, join(aside, basename(path)));
}
