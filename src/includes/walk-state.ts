import type { Refusal } from '../base/refusal.ts';
import type { FileScan, Lookup } from './directives.ts';
import type { Lookups } from './lookups.ts';
import type { Directory, Probe, Resolution } from './probes.ts';
import { createTruth, type Truth } from './truth.ts';
import type { Visit } from './visit.ts';
import type { WalkInput } from './walk.ts';

/** A lookup whose name depends on macros: tried again whenever more definitions are known. */
export interface ComputedLookup {
  readonly visit: Visit;
  readonly lookup: Lookup;
  /** The names already followed, each with its form. */
  readonly done: Set<string>;
}

export interface NowhereInclude {
  /** The candidate in the includer's directory, for "name". */
  readonly own: Probe | undefined;
  readonly found: Resolution;
}

/** Everything one walk knows; grows until nothing is left to visit. */
export interface WalkState {
  readonly input: WalkInput;
  readonly lookups: Lookups;
  readonly truth: Truth | undefined;
  /** Position in the search list at which <name> begins. */
  readonly bracketStart: number;
  /** A stack, so that files come out in about the order in which a compiler opens them. */
  readonly pending: Visit[];
  /** The files reached, in order, with what they say. */
  readonly scans: Map<string, FileScan>;
  readonly computed: ComputedLookup[];
  readonly present: Set<string>;
  readonly absent: string[];
  /** Directories that lack names looked for in them. */
  readonly lacking: Directory[];
  /** Those of `absent` that a file may have borne when the compiler asked: see {@link Walk.asked}. */
  readonly asked: Set<string>;
  readonly directories: string[];
  readonly aliases: Map<string, string>;
  readonly hiding: Set<string>;
  readonly once: Set<string>;
  /** Precompiled headers (gcc) beside headers found, which may have been read in place of them. */
  readonly precompiled: Set<string>;
  /**
   * gcc: names that lead nowhere. 'tested': `__has_include` asked for it, so includes of it may have been passed over in
   * silence; else the includes to be taken for such if a test is still to come.
   */
  readonly silent: Map<string, 'tested' | readonly NowhereInclude[]>;
  /** Files that some include leads to though the compiler did not list them. */
  readonly outside: Set<string>;
  problem: Refusal | undefined;
}

export function beginWalk(input: WalkInput, lookups: Lookups): WalkState {
  const { search, view, truth } = input;
  return {
    input,
    lookups,
    truth: truth === undefined ? undefined : createTruth(truth, view),
    bracketStart: search.quote.length,
    pending: [],
    scans: new Map(),
    computed: [],
    present: new Set(),
    absent: [],
    lacking: [],
    asked: new Set(),
    directories: [],
    aliases: new Map(),
    hiding: new Set(),
    once: new Set(),
    precompiled: new Set(),
    silent: new Map(),
    outside: new Set(),
    problem: undefined,
  };
}

/**
 * Puts a path looked for in vain among the results, once. Had an include found a file there, the compiler's list would
 * name it; without a list, or after a test for existence (`asked`), only the file system can tell.
 */
export function listVain(state: WalkState, probe: Probe, asked = false): void {
  if ((asked || state.truth === undefined) && probe.kind === 'absent') state.asked.add(probe.path);
  if (probe.listedIn === state.lookups.walk) return;
  probe.listedIn = state.lookups.walk;
  if (probe.lacking !== undefined) {
    const { directory, name } = probe.lacking;
    if (directory.vainIn === state.lookups.walk) directory.vain.push(name);
    else {
      directory.vainIn = state.lookups.walk;
      directory.vain = [name];
      state.lacking.push(directory);
    }
    return;
  }
  (probe.kind === 'absent' ? state.absent : state.directories).push(probe.path);
}
