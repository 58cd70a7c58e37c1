import { type FileDigest, type FileStates, type Listing, type StampedKind, sameStamp } from './file-state.ts';
import { openWays, type Trust, type Ways } from './ways.ts';

/**
 * File states as of one moment: each path is asked for at most once, and names are looked up in directory listings
 * instead of one stat each. Storing a result asks about some 1,500 candidate names of a 270-header file; through
 * listings these are about 40 stats of directories that were read before.
 *
 * Valid for one piece of work that needs the state at any one time after its start, as storing does: whatever is
 * changed later carries a later stamp, and the next lookup sees it. `ways` of the same sitting have to be gone anyway to
 * prove how each input is reached: the stamp of what lies at their end saves a second stat of every one.
 */
export function snapshotOf(files: FileStates, ways: Ways): FileStates {
  const relative = new Map<string, StampedKind | undefined>();
  const digests = new Map<string, FileDigest | undefined>();
  const listings = new Map<string, Listing | undefined>();
  const listingOf = (path: string): Listing | undefined => {
    const known = listings.get(path);
    if (known !== undefined || listings.has(path)) return known;
    const found = listingAt(path, ways.find(path)?.end, files);
    listings.set(path, found);
    return found;
  };
  const listed = (path: string): boolean => {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    // `.` and `..` are in no listing; a directory that cannot be read may still be searched.
    if (slash <= 0 || name === '' || name === '.' || name === '..') return true;
    const directory = path.slice(0, slash);
    const listing = listingOf(directory);
    return listing === undefined ? ways.find(directory) !== undefined : listing.names.has(name);
  };
  const stampOf = (path: string): StampedKind | undefined => {
    if (path.startsWith('/')) return ways.known(path)?.end ?? (listed(path) ? ways.find(path)?.end : undefined);
    return once(relative, path, files.stampOf);
  };
  const digestOf = (path: string): FileDigest | undefined => {
    const at = stampOf(path);
    // Of a file too young to be remembered one reading counts.
    return at?.content ?? once(digests, path, () => (at === undefined ? undefined : files.digestOf(path, at)));
  };
  const moment = {};
  return {
    stampOf,
    listingOf,
    digestOf,
    scanOf(path) {
      const state = digestOf(path);
      if (state === undefined || state.scan !== undefined) return state?.scan;
      const scan = files.scanOf(path, state.digest);
      if (scan !== undefined) state.scan = scan;
      return scan;
    },
    hasEntry: (path) => listed(path) && files.hasEntry(path),
    realPathOf: files.realPathOf,
    isLink: (path) => (path.startsWith('/') ? ways.find(path)?.isLink === true : files.isLink(path)),
    isSettled: files.isSettled,
    lookupsOver: files.lookupsOver,
    knownWalks: files.knownWalks,
    wayMemory: files.wayMemory,
    moment,
    lacks: (directory, name) => listingOf(directory)?.names.has(name) === false,
  };
}

function once<T>(memory: Map<string, T | undefined>, path: string, ask: (path: string) => T | undefined) {
  const known = memory.get(path);
  if (known !== undefined || memory.has(path)) return known;
  const found = ask(path);
  memory.set(path, found);
  return found;
}

/** The names in a directory, read again only if it is not what it was. */
function listingAt(path: string, at: StampedKind | undefined, files: FileStates): Listing | undefined {
  if (at === undefined) return files.listingOf(path);
  if (at.kind !== 'directory') return undefined;
  if (at.listing !== undefined) return at.listing;
  const read = files.listingOf(path);
  if (read?.settled === true && sameStamp(read.stamp, at.stamp)) at.listing = read;
  return read;
}

/** What was seen of the files in one sitting, and of the ways that lead to them. */
export interface Sight {
  readonly files: FileStates;
  readonly ways: Ways;
}

/** `trust`: what need not be looked at again. */
export function takeSight(files: FileStates, trust?: Trust): Sight {
  const ways = openWays(files.wayMemory, trust);
  return { files: snapshotOf(files, ways), ways };
}
