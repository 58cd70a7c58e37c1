import { createHash } from 'node:crypto';
import type { CompileSpec } from './generated/hybridgrid/v1/build.ts';

/** 72 bits: two of a million files share theirs once in ten thousand grids, and then only a guess is wrong. */
export const NAME_LENGTH = 12;

/** What a compile makes, by its path: the same before and after an edit, and it will take about as long again. */
export function nameOf({ cwd, outputs }: Pick<CompileSpec, 'cwd' | 'outputs'>): string {
  const hash = createHash('sha256').update(cwd).update('\0');
  return hash
    .update(outputs[0]?.path ?? '')
    .digest('base64url')
    .slice(0, NAME_LENGTH);
}
