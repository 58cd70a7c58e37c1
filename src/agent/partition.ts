import type { FileStates, StampedKind } from './file-state.ts';

/**
 * For each path the place of the first that is the very same (device and inode); -1 where nothing of this kind is. Hard
 * links, links and bind mounts make several names of one thing, and compilers take notice.
 */
export function partition(paths: readonly string[], kind: StampedKind['kind'], files: FileStates): string {
  const firsts = new Map<string, number>();
  const places = paths.map((path, index) => {
    const at = files.stampOf(path);
    if (at?.kind !== kind) return -1;
    const identity = `${at.stamp.dev}:${at.stamp.ino}`;
    const first = firsts.get(identity) ?? index;
    firsts.set(identity, first);
    return first;
  });
  return places.join(' ');
}
