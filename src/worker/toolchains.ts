import type { Digest } from '../base/digest.ts';
import { digestFile, isQuiet, type Stamp, stampOf } from './stamps.ts';

/** A program or library, by its path and content. */
export interface Part {
  readonly path: string;
  readonly digest: Digest;
}

/** How the parts of somebody's compiler compare with what lies here under the same paths. */
export interface Compared<P extends Part> {
  /** Those that are the same here, each with the stamp of the file that is. */
  readonly same: readonly { readonly part: P; readonly stamp: Stamp }[];
  readonly different: readonly P[];
  /** Is everything still as it was? To be asked when the compile is over. */
  stillHolds(): boolean;
}

/** This machine's own compilers. A name proves nothing: compilers are upgraded in place. */
export interface Toolchains {
  compare<P extends Part>(parts: readonly P[]): Promise<Compared<P>>;
}

interface Known {
  readonly stamp: Stamp;
  readonly digest: Digest;
}

/** Files of many compilers; beyond this the memory begins anew. */
const MAX_KNOWN = 10_000;

export function toolchains(now: () => number = Date.now): Toolchains {
  const known = new Map<string, Known>();
  const hashing = new Map<string, Promise<Known | undefined>>();
  const look = async (path: string): Promise<Known | undefined> => {
    const found = await digestFile(path);
    if (found === undefined) return undefined;
    if (known.size >= MAX_KNOWN) known.clear();
    if (isQuiet(found.stamp, now())) known.set(path, found);
    return found;
  };
  const stateOf = (path: string): Known | undefined | Promise<Known | undefined> => {
    const stamp = stampOf(path);
    if (stamp === undefined) return undefined;
    const before = known.get(path);
    if (before?.stamp === stamp) return before;
    const running = hashing.get(path) ?? look(path).finally(() => hashing.delete(path));
    hashing.set(path, running);
    return running;
  };
  return {
    async compare(parts) {
      const states = await Promise.all(parts.map((part) => stateOf(part.path)));
      const isSame = parts.map((part, i) => states[i]?.digest === part.digest);
      return {
        same: parts.flatMap((part, i) => (isSame[i] ? [{ part, stamp: (states[i] as Known).stamp }] : [])),
        different: parts.filter((_, i) => !isSame[i]),
        stillHolds: () => parts.every((part, i) => !isSame[i] || stampOf(part.path) === states[i]?.stamp),
      };
    },
  };
}
