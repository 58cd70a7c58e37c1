import type { FileScan } from '../includes/directives.ts';
import type { FileDigest, FileStates, Listing, StampedKind } from './file-state.ts';
import { openWays, type Ways } from './ways.ts';

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
  const stamps = new Map<string, StampedKind | undefined>();
  const digests = new Map<string, FileDigest | undefined>();
  const scans = new Map<string, FileScan | undefined>();
  const listings = new Map<string, Listing | undefined>();
  const once = <T>(memory: Map<string, T | undefined>, path: string, ask: (path: string) => T | undefined) => {
    const known = memory.get(path);
    if (known !== undefined || memory.has(path)) return known;
    const found = ask(path);
    memory.set(path, found);
    return found;
  };
  const listingOf = (path: string) => once(listings, path, files.listingOf);
  const listed = (path: string): boolean => {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    // `.` and `..` are in no listing; a directory that cannot be read may still be searched.
    if (slash <= 0 || name === '' || name === '.' || name === '..') return true;
    const directory = path.slice(0, slash);
    const listing = listingOf(directory);
    if (listing !== undefined) return listing.names.has(name);
    return once(stamps, directory, files.stampOf) !== undefined;
  };
  const stampNow = (path: string): StampedKind | undefined =>
    path.startsWith('/') ? ways.find(path)?.end : files.stampOf(path);
  const stampOf = (path: string): StampedKind | undefined => {
    const known = stamps.get(path);
    // What no listing holds is not remembered: the walk asks for each of its 1,500 names once.
    return known === undefined && listed(path) ? once(stamps, path, stampNow) : known;
  };
  const digestOf = (path: string) =>
    once(digests, path, (asked) => {
      const at = stampOf(asked);
      return at === undefined ? undefined : files.digestOf(asked, at);
    });
  return {
    stampOf,
    listingOf,
    digestOf,
    scanOf: (path) => once(scans, path, (asked) => files.scanOf(asked, digestOf(asked)?.digest)),
    hasEntry: (path) => listed(path) && files.hasEntry(path),
    realPathOf: files.realPathOf,
    isLink: (path) => (path.startsWith('/') ? ways.find(path)?.isLink === true : files.isLink(path)),
    isSettled: files.isSettled,
    lookupsOver: files.lookupsOver,
    moment: stamps,
    lacks: (directory, name) => listingOf(directory)?.names.has(name) === false,
  };
}

/** What was seen of the files in one sitting, and of the ways that lead to them. */
export interface Sight {
  readonly files: FileStates;
  readonly ways: Ways;
}

export function takeSight(files: FileStates): Sight {
  const ways = openWays();
  return { files: snapshotOf(files, ways), ways };
}
