import type { Lookups } from './lookups.ts';
import type { FileView } from './port.ts';
import type { Conclusion } from './probes.ts';
import type { Walk, WalkInput } from './walk.ts';

/**
 * Walks that were made before. A walk is decided by its input, by the answers to its lookups and by what the view says of
 * the files it came by: as long as all of that is the same, so is the walk, down to the object. To see that it is takes a
 * comparison a file and a look at each directory: a tenth of walking again (RE2 and abseil, some 430 headers a file).
 */
export interface KnownWalks {
  /** The walk over this input as it was before, if nothing that it rests on has changed. `lookups` have begun. */
  find(input: WalkInput, lookups: Lookups): Walk | undefined;
  /** Remembers a walk that `lookups` have just made, and what it asked the view. */
  keep(input: WalkInput, lookups: Lookups, asked: Asked, walk: Walk): void;
}

/** The paths of which a walk asked more than whether something is there. */
export interface Asked {
  /** Whose content counts. */
  readonly contents: ReadonlySet<string>;
  /** Of which only counts what they are. */
  readonly identities: ReadonlySet<string>;
}

interface KnownWalk {
  readonly lookups: Lookups;
  readonly rests: Conclusion;
  readonly truth: ReadonlySet<string> | undefined;
  readonly contents: readonly State[];
  readonly identities: readonly State[];
  readonly walk: Walk;
}

interface State {
  readonly path: string;
  readonly state: object;
}

/** Files of all walks remembered: some 60 bytes each, their names in vain included, and about 1,000 walks of C++. */
const MEMORY_LIMIT = 500_000;

export function createKnownWalks(limit = MEMORY_LIMIT): KnownWalks {
  const walks = new Map<string, KnownWalk>();
  let size = 0;
  const drop = (key: string): void => {
    const known = walks.get(key);
    if (known === undefined) return;
    walks.delete(key);
    size -= sizeOf(known);
  };
  return {
    find(input, lookups) {
      const key = keyOf(input);
      const known = walks.get(key);
      if (known === undefined || known.lookups !== lookups || !holds(known, input)) return undefined;
      walks.delete(key);
      walks.set(key, known);
      return known.walk;
    },
    keep(input, lookups, asked, walk) {
      const key = keyOf(input);
      drop(key);
      const contents = statesOf(asked.contents, input.view, true);
      const identities = statesOf(asked.identities, input.view, false);
      if (contents === undefined || identities === undefined) return;
      const known = { lookups, rests: lookups.rests(), truth: input.truth, contents, identities, walk };
      walks.set(key, known);
      size += sizeOf(known);
      for (const oldest of walks.keys()) {
        if (size <= limit) break;
        drop(oldest);
      }
    },
  };
}

function sizeOf({ contents, identities }: KnownWalk): number {
  return contents.length + identities.length;
}

function holds({ lookups, rests, truth, contents, identities }: KnownWalk, input: WalkInput): boolean {
  const { view } = input;
  return (
    contents.every(({ path, state }) => view.stateOf?.(path, true) === state) &&
    identities.every(({ path, state }) => view.stateOf?.(path, false) === state) &&
    isSameList(truth, input.truth) &&
    lookups.stands(rests)
  );
}

/** In the same order: of a file with two names the first one listed stands for both. */
function isSameList(one: ReadonlySet<string> | undefined, other: ReadonlySet<string> | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.size !== other.size) return false;
  const others = other.values();
  for (const path of one) if (path !== others.next().value) return false;
  return true;
}

function statesOf(paths: ReadonlySet<string>, view: FileView, contentCounts: boolean): readonly State[] | undefined {
  const states: State[] = [];
  for (const path of paths) {
    const state = view.stateOf?.(path, contentCounts);
    if (state === undefined) return undefined;
    states.push({ path, state });
  }
  return states;
}

/** All that decides a walk beside the view, but for the very files of a compiler's list. */
function keyOf(input: WalkInput): string {
  const { cwd, source, family, language, precompiles, forcedIncludes, commandLineDefines, search, dateIsFixed } = input;
  const { quote, bracket, missing } = search;
  const rules = [family, language, precompiles === true, dateIsFixed === true, input.truth === undefined];
  return JSON.stringify([cwd, source, rules, forcedIncludes, commandLineDefines, quote, bracket, missing]);
}

/** The same view, and what it is asked of. */
export function recordingView(view: FileView): Asked & { readonly view: FileView } {
  const contents = new Set<string>();
  const identities = new Set<string>();
  return {
    contents,
    identities,
    view: {
      kindOf(path) {
        identities.add(path);
        return view.kindOf(path);
      },
      scan(path) {
        contents.add(path);
        return view.scan(path);
      },
      ...(view.identityOf && {
        identityOf(path: string) {
          identities.add(path);
          return view.identityOf?.(path);
        },
      }),
      ...(view.inodeOf && {
        inodeOf(path: string) {
          identities.add(path);
          return view.inodeOf?.(path);
        },
      }),
      ...(view.digestOf && {
        digestOf(path: string) {
          contents.add(path);
          return view.digestOf?.(path);
        },
      }),
    },
  };
}
