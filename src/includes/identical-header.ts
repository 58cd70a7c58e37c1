import { type Refusal, refuse } from '../base/refusal.ts';
import type { WalkState } from './walk-state.ts';

/**
 * A file to be included once whose bytes another file has too. gcc takes the second for the first if their times are
 * equal as well, and then does not list it; clang does if both are one inode. Either way the result depends on more
 * than bytes. Needs `digestOf`; without it the caller has to compare the walk's `once` itself.
 */
export function identicalHeader(state: WalkState): Refusal | undefined {
  const { view, family } = state.input;
  if (
    state.once.size === 0 ||
    (state.truth === undefined && state.precompiled.size === 0) ||
    view.digestOf === undefined
  )
    return undefined;
  const owners = new Map<string, string>();
  for (const path of state.once) {
    const digest = view.digestOf(path);
    if (digest === undefined) continue;
    if (owners.has(digest)) return refuse('identical-headers', path);
    owners.set(digest, path);
  }
  const others = family === 'gcc' ? [...state.scans.keys(), ...state.outside] : state.scans.keys();
  for (const path of others) {
    const digest = view.digestOf(path);
    const owner = digest === undefined ? undefined : owners.get(digest);
    if (owner !== undefined && owner !== path) return refuse('identical-headers', path);
  }
  return undefined;
}
