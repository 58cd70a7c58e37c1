import type { Stamp } from './answers.ts';
import type { Sight } from './file-snapshot.ts';
import type { FileStates } from './file-state.ts';
import type { PathHistory, Start } from './path-history.ts';
import { lookAt, type Step, type Ways } from './ways.ts';

/** What can be said about the time since a compile began, for one piece of work. */
export interface SinceStart {
  readonly files: FileStates;
  readonly ways: Ways;
  /** Was a stamp made before? */
  predates(stamp: Stamp): boolean;
  /** Has a path led to the same place all the time? False as well if it leads nowhere. */
  unmoved(path: string): boolean;
  /** Unmoved, and what lies there untouched. */
  isOld(path: string): boolean;
  /** Where nothing is now, was nothing then? */
  wasAbsent(path: string): boolean;
}

/** Everything before the last slash. */
function directoryPart(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/**
 * A compile elsewhere saw just what was seen here when its files were sent, and nothing else: what comes and goes here
 * meanwhile is no business of its result. Whether all is still as it was then, its delivery proves.
 */
export function asShipped({ files, ways }: Sight): SinceStart {
  const unmoved = (path: string): boolean => ways.find(path) !== undefined;
  return {
    files,
    ways,
    predates: () => true,
    unmoved,
    isOld: (path) => files.stampOf(path) !== undefined && unmoved(path),
    wasAbsent: () => true,
  };
}

/** `namesBefore`: what was in some directories before, by their real paths; for those into which objects are written. */
export function sinceStart(
  start: Start,
  { files, ways }: Sight,
  history: PathHistory,
  namesBefore: ReadonlyMap<string, ReadonlySet<string>>,
): SinceStart {
  const predates = (stamp: Stamp): boolean => history.predates(stamp, start);
  // Files of one directory share their steps: some forty ways are proved for 270 headers.
  const proved = new Map<readonly Step[], boolean>();
  const unmoved = (path: string): boolean => {
    const steps = ways.find(path)?.steps;
    if (steps === undefined) return false;
    const known = proved.get(steps) ?? history.held(steps, start);
    proved.set(steps, known);
    return known;
  };
  const isOld = (path: string): boolean => {
    const at = files.stampOf(path);
    return at !== undefined && predates(at.stamp) && unmoved(path);
  };
  // Looked at after the names were looked for: what was removed before that look has left a stamp by then.
  const looked = new Map<string, boolean>();
  const untouched = (real: string): boolean => {
    const known = looked.get(real);
    if (known !== undefined) return known;
    const now = lookAt(real);
    const is = now !== undefined && predates(now.stamp);
    looked.set(real, is);
    return is;
  };
  const wasAbsent = (path: string): boolean => {
    let above = directoryPart(path);
    let name = path.slice(above.length + 1);
    while (above !== '' && ways.find(above) === undefined) {
      name = above.slice(directoryPart(above).length + 1);
      above = directoryPart(above);
    }
    const way = ways.find(above === '' ? '/' : above);
    // A path through a file: as long as the file is old, nothing was below it.
    if (way === undefined || way.end.kind !== 'directory') return isOld(above);
    // A link to nothing: what it leads to may have been removed.
    if (!unmoved(above === '' ? '/' : above) || files.hasEntry(`${way.real}/${name}`)) return false;
    return untouched(way.real) || namesBefore.get(way.real)?.has(name) === false;
  };
  return { files, ways, predates, unmoved, isOld, wasAbsent };
}
