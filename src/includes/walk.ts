import { type Refusal, refuse } from '../base/refusal.ts';
import type { Family, ForcedInclude, Language } from '../compiler/invocation.ts';
import { isPreprocessed } from '../compiler/languages.ts';
import { identicalHeader } from './identical-header.ts';
import { type KnownWalks, recordingView } from './known-walks.ts';
import { createLookups, type Lookups } from './lookups.ts';
import { tidyPath } from './paths.ts';
import type { FileView, SearchList } from './port.ts';
import { chainOf } from './search-list.ts';
import { drain, expandComputed, includeFirst, visitSource } from './visits.ts';
import { beginWalk, type WalkState } from './walk-state.ts';

/**
 * The include walk: which files a compile can read, and which names it looked for in vain.
 *
 * WHY THE RESULT PROVES A LATER COMPILE EQUAL. A compiler run is a sequence of steps; each is decided by the command
 * line, by the bytes of files it opened, and by the answers to its lookups (is there a file at this path?). Take a run
 * R that succeeded, and a later state of the disk in which (1) every file R read has the same bytes, and (2) every
 * lookup R made gets the same answer. By induction over the steps the later run R' is R: as long as they agreed so far,
 * they are about to take the same step on the same inputs.
 *
 * (1) are `files`: with `truth`, the compiler's own list. For (2) we need a superset of R's lookups:
 * - They come from directives R evaluated, which all stand in files R read. Conditions are not evaluated here, so all
 *   directives of those files are considered.
 * - An include R evaluated was found (a missing header is fatal, and R succeeded) and the file found was read, so it
 *   is in `truth`. Hence an include that leads to a file outside of `truth`, or nowhere, was in a branch not taken:
 *   R made no lookup for it, and nothing about it needs to hold. In R' the same branch is not taken, by induction.
 *   The exception is gcc's silence after a failed `__has_include` of the same name: foundNowhere in follow.ts.
 * - An include that leads into `truth` may have been evaluated: every candidate before the one found is in `absent`
 *   (or in `directories`, for a directory that bears the name: both compilers pass over it).
 * - `__has_include` reads nothing and may have had either answer, so it counts wherever it stands: if found, that one
 *   path must stay (`present`); if not, all its candidates must stay absent. clang writes the path found into its list
 *   of files read, so there the candidates before it count, too, and it is one of `files`.
 * - "Leads to" is what we see after the compile. Had a shadowing file appeared between R's lookup and ours, we would
 *   take an evaluated include for one not taken; `hiding` names those files, and they must be older than R.
 * - Equal files under `#pragma once` or `#import` break "the file found was read": gcc opens the second, sees it is
 *   the first again, and does not list it. See {@link identicalHeader}.
 * - gcc asks for `X.gch` before X, but only until the first file is included: from the source, the first forced
 *   include or the implicit stdc-predef.h (libcpp's pch_open_file; seen by strace, gcc 12). clang's driver asks for
 *   `X.pch` and `X.gch` of `-include X` alone.
 * - With a precompiled header gcc reads that, and neither the header nor what it includes. What came of it is decided by
 *   its bytes, by the key (gcc compares itself, options and macros with those it was made with) and by the headers that
 *   are included again, of which gcc compares size and MD5 with those inside (libcpp's pchf; `#pragma once`) and which
 *   it lists or not. So all that could be read counts as read, whether gcc used it or not.
 * - The search list itself follows from directories that exist: `search.missing` must stay absent.
 * Names that share an absent directory are represented by that directory: it being absent implies theirs.
 *
 * Without `truth` the same walk follows everything and yields an over-approximation of files and lookups alike.
 */
export interface WalkInput {
  readonly cwd: string;
  /** The source as spelled on the command line. */
  readonly source: string;
  readonly family: Family;
  readonly language: Language;
  readonly forcedIncludes: readonly ForcedInclude[];
  readonly search: SearchList;
  readonly view: FileView;
  /** Lookups over `search` that were used before; see {@link chainOf}. */
  readonly lookups?: Lookups;
  /** Walks that were made before, with `lookups`. */
  readonly knownWalks?: KnownWalks;
  /** Stands for the time `view` speaks of: walks with the same one see the same files. Undefined: of this walk alone. */
  readonly moment?: object | undefined;
  /** The operands of -D, as spelled (`NAME`, `NAME=BODY`). */
  readonly commandLineDefines: readonly string[];
  /** A precompiled header is made: gcc then asks for none (seen by strace, gcc 12). */
  readonly precompiles?: boolean;
  /** Absolute paths of the files the compiler says it read. */
  readonly truth?: ReadonlySet<string>;
  /** `__DATE__` and `__TIME__` are fixed by SOURCE_DATE_EPOCH (gcc; clang from 16 on), so they need no refusal. */
  readonly dateIsFixed?: boolean;
}

/** Absolute paths throughout, without `.` and doubled slashes. */
export interface Walk {
  /** The files reached, the source first; as `truth` spells them, if given. */
  readonly files: readonly string[];
  /** Files whose existence was asked for and which are there, beyond `files`: they must stay, readable. */
  readonly present: readonly string[];
  /** Paths looked for in vain, each by its topmost absent component: they must stay absent. */
  readonly absent: readonly string[];
  /** The same, by directories that are there and lack these names. */
  readonly lacking: ReadonlyMap<string, readonly string[]>;
  /**
   * Those of `absent` and `lacking` of which the compiler's list does not say that they were absent when it asked: what
   * `__has_include` asks for is never listed. Nothing may have been removed there since the compile began.
   */
  readonly asked: readonly string[];
  /** Directories that bear the name of a header looked for: no file may take their place. */
  readonly directories: readonly string[];
  /** Other names by which files were found: each must keep leading to the same file (device and inode) as `file`. */
  readonly aliases: readonly Alias[];
  /** Files outside of `truth` that stand before a file of `truth` for the same name: they must be older than the compile. */
  readonly hiding: readonly string[];
  /** Files that ask to be included once only: bytes equal to another input's make the result depend on times. */
  readonly once: readonly string[];
  /**
   * Precompiled headers that gcc may have used. Such a compile lists nothing of what is in them, so that `truth` tells
   * little: its conditions are those of a walk without it, and these files besides.
   */
  readonly precompiled: readonly string[];
  /** Files with an #include of a macro's value, which may come from a precompiled header that is older than its header. */
  readonly computedIn: readonly string[];
  readonly problem?: Refusal;
}

export interface Alias {
  readonly path: string;
  readonly file: string;
}

export function walk(input: WalkInput): Walk {
  const { view, knownWalks, lookups = createLookups(chainOf(input.search)) } = input;
  lookups.begin(view, input.moment);
  const known = knownWalks?.find(input, lookups);
  if (known !== undefined) return known;
  const asked = recordingView(view);
  const made = walkAnew({ ...input, view: knownWalks === undefined ? view : asked.view }, lookups);
  if (made.problem === undefined) knownWalks?.keep(input, lookups, asked, made);
  return made;
}

function walkAnew(input: WalkInput, lookups: Lookups): Walk {
  const state = beginWalk(input, lookups);
  visitSource(state);
  if (isPreprocessed(input.language)) {
    includeFirst(state);
    do drain(state);
    while (expandComputed(state));
  }
  state.problem ??= unreachedFile(state) ?? identicalHeader(state);
  return finish(state);
}

/** A file the compiler names and the walk did not come by: then its lookups are not known either. */
function unreachedFile({ truth, scans }: WalkState): Refusal | undefined {
  for (const path of truth?.paths ?? []) {
    // clang may name one file twice, as `dir/h` and `dir/./h`: the walk knows both as the first.
    if (!scans.has(path) && !scans.has(truth?.match(tidyPath(path))?.path ?? ''))
      return refuse('scan-incomplete', path);
  }
  return undefined;
}

function finish(state: WalkState): Walk {
  const { input, scans } = state;
  const result = {
    files: [...scans.keys()],
    present: [...state.present].filter((path) => !scans.has(path)),
    absent: [...input.search.missing, ...state.absent],
    lacking: new Map(state.lacking.map(({ path, vain }) => [path, vain])),
    asked: [...input.search.missing, ...state.asked],
    directories: state.directories,
    aliases: [...state.aliases].map(([path, file]) => ({ path, file })),
    hiding: [...state.hiding],
    once: [...state.once],
    precompiled: [...state.precompiled],
    computedIn: state.computed.map(({ visit }) => visit.path),
  };
  return state.problem === undefined ? result : { ...result, problem: state.problem };
}
