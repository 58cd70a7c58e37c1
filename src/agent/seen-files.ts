import { type Digest, sha256 } from '../base/digest.ts';
import { type EncodedCheck, encodeCheck } from './encoded-checks.ts';
import type { FileDigest, FileStates } from './file-state.ts';
import type { Way, Ways } from './ways.ts';

/** A file as one path leads to it: made once for as long as nothing has changed, neither there nor on the way. */
export interface SeenFile {
  readonly state: FileDigest;
  /** What an input of this path is known by: see {@link identityAt}. */
  readonly identity: Digest;
  /** What the launcher is to compare with. */
  readonly check: EncodedCheck;
}

/** What the file at the end of a way is known by; undefined for what is no file, or cannot be read. */
export function seenFile(path: string, way: Way, files: FileStates): SeenFile | undefined {
  const state = way.end.content ?? files.digestOf(path, way.end);
  if (state === undefined || way.seen?.state === state) return state && way.seen;
  const check = encodeCheck({ kind: 'file', path: way.real, stamp: state.stamp });
  const seen: SeenFile = { state, identity: identityAt(way, path, state.digest), check };
  // What is too young to be remembered is another object each time it is read.
  if (state.settled) way.seen = seen;
  return seen;
}

/** The identity of an input that is a file, as of now. */
export function identityOf(path: string, files: FileStates, ways: Ways): Digest | undefined {
  const way = ways.find(path);
  return way === undefined ? undefined : seenFile(path, way, files)?.identity;
}

/**
 * Content and, where links or dots are on the way, the real path: compilers write real paths of system headers into
 * depfiles and debug information, so a link that is turned to an equal file elsewhere is still a change.
 */
function identityAt({ real }: Way, path: string, digest: Digest): Digest {
  return real === path ? digest : sha256(`${digest} ${real}`);
}
