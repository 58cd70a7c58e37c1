import { type Digest, sha256 } from '../base/digest.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { AbsentGroup, Input } from '../cache/manifest.ts';
import { absentGroups, mergeLacking } from '../includes/absent-groups.ts';
import type { SearchList } from '../includes/port.ts';
import type { Alias, Walk } from '../includes/walk.ts';
import { type Description, inDirectory } from './describe.ts';
import type { FileStates } from './file-state.ts';
import { definesNothing, type MadeHeaders } from './made-headers.ts';
import { partition } from './partition.ts';
import type { ReadFiles } from './read-files.ts';
import { scanCompile } from './scan.ts';
import { directoriesOf } from './search-lists.ts';
import { identityOf, seenFile } from './seen-files.ts';
import type { SinceStart } from './unchanged.ts';
import type { Step, Ways } from './ways.ts';

/** The conditions under which a result holds: what was read, what was asked for and found, what was not there. */
export interface Conditions {
  readonly kind: 'conditions';
  readonly inputs: readonly Input[];
  readonly present: readonly string[];
  readonly absent: readonly AbsentGroup[];
  /** A precompiled header may have been read: then the preprocessed text does not decide the object. */
  readonly precompiled: boolean;
}

/** Learns the conditions of a successful run from its lists and from the scan; `known`: that scan, if it was made before. */
export function learnConditions(
  description: Description,
  lists: ReadFiles,
  search: SearchList,
  since: SinceStart,
  made: MadeHeaders,
  known?: Walk,
): Conditions | Refusal {
  const { invocation, request } = description;
  const { files, ways, unmoved, isOld } = since;
  const extraInputs = invocation.extraInputs.map((path) => inDirectory(request.cwd, path));
  const profiles = profilesNow(description, files);
  const noHeaders = new Set([
    ...extraInputs,
    ...profiles.there,
    ...(lists.truth ?? []).filter((path) => path.endsWith('list.txt') && SANITIZER_LIST.test(path)),
  ]);
  const headers = noHeaders.size === 0 ? lists.truth : lists.truth?.filter((path) => !noHeaders.has(path));
  const kindOf = (path: string) => files.stampOf(path)?.kind ?? 'absent';
  const listed = known ?? scanCompile(description, search, files, headers && new Set(headers));
  const precompiled = listed.precompiled.length > 0;
  const walked = precompiled && known === undefined ? scanCompile(description, search, files) : listed;
  for (const path of walked.precompiled) noHeaders.add(path);
  if (walked.problem !== undefined) return walked.problem;
  const [first] = walked.precompiled;
  const readAsText = lists.truth ?? walked.files;
  if (first !== undefined && walked.computedIn.some((path) => isReachedOtherwise(path, readAsText, files))) {
    const beyond = madeBeyond(walked, since, made);
    if (beyond === undefined) return refuse('precompiled-header-used', first);
    for (const path of beyond) noHeaders.add(path);
  }
  // A walk along the compiler's own list refuses by itself where it does not come by a file of it.
  const isWalked = known === undefined && !precompiled && lists.atLeast === lists.truth;
  const missed = isWalked ? undefined : missedFile(lists.atLeast, walked.files, noHeaders, files);
  if (missed !== undefined) return refuse('scan-incomplete', missed);
  const named = [...directoriesOf(search), ...walked.directories, ...walked.aliases.map(({ path }) => path)];
  const changed =
    [...walked.hiding, ...walked.present].find((path) => !isOld(path)) ??
    named.find((path) => !unmoved(path)) ??
    [...walked.asked, ...profiles.absent].find((path) => !since.wasAbsent(path));
  if (changed !== undefined) return refuse('input-changed', changed);
  const extra = [...noHeaders, ...lists.assembler];
  // The source first; truth before the scan's own list, because its spelling is what lookups will ask for.
  const read = precompiled ? [...(lists.truth ?? []), ...walked.files] : (lists.truth ?? walked.files);
  const paths = new Set([inDirectory(request.cwd, invocation.source), ...read, ...extra]);
  const inputs = settleInputs(paths, since);
  if ('kind' in inputs) return inputs;
  const others = [
    ...searchListInput(search),
    ...walked.directories.map(directoryInput),
    ...walked.aliases.map(aliasInput),
    ...(invocation.family === 'clang' ? equalFilesInputs([...paths], files) : []),
  ];
  const identified = knownInputs(others, files, ways);
  if ('kind' in identified) return identified;
  const groups = absentGroups([...walked.absent, ...profiles.absent], kindOf, (path) => files.hasEntry(path));
  const absent = mergeLacking(groups, walked.lacking);
  return { kind: 'conditions', inputs: [...inputs, ...identified], present: walked.present, absent, precompiled };
}

/**
 * Where the precompiled headers were made of the very files that the walk came by, no macro is in them that it did not see.
 * What they were made of besides, if nothing can be defined there; undefined: they may be older than their headers.
 */
function madeBeyond(walked: Walk, { files, ways }: SinceStart, made: MadeHeaders): readonly string[] | undefined {
  const reached = new Set(walked.files.map((path) => files.realPathOf(path)));
  const beyond = new Set<string>();
  for (const header of walked.precompiled) {
    const digest = files.digestOf(header)?.digest;
    const inputs = digest === undefined ? undefined : made.inputsOf(digest);
    if (inputs === undefined) return undefined;
    for (const input of inputs.filter(({ flags }) => flags === 0)) {
      if (identityNow(input, files, ways) !== input.digest) return undefined;
      if (reached.has(files.realPathOf(input.path))) continue;
      if (!definesNothing(input.path)) return undefined;
      beyond.add(input.path);
    }
  }
  return [...beyond];
}

/**
 * Profiles by what lies at their places. One that appears, goes or changes makes another compile: the compiler says that
 * it found none, or does without. A directory of profiles is known by the profile in it.
 */
function profilesNow({ profiles }: Description, files: FileStates) {
  const isThere = (path: string) => files.stampOf(path) !== undefined;
  return {
    there: profiles.filter(
      (path) => isThere(path) && !profiles.some((other) => other.startsWith(`${path}/`) && isThere(other)),
    ),
    absent: profiles.filter((path) => !isThere(path)),
  };
}

/** clang's depfile names the lists its sanitizers read: its own below the resource directory, and the user's. */
const SANITIZER_LIST = /_(?:ignore|black|abi)list\.txt$/;

/** Marks an input that is a directory: known by where its name really leads. */
export const DIRECTORY_INPUT = 1;
/** Marks an input `PATH NUL FILE`: another name that must lead to the very file (device and inode). */
export const ALIAS_INPUT = 2;
/**
 * Marks an input that is a search list, its directories joined by NUL: known by which of them exist and which are one
 * directory under several names, because compilers drop all names but one, and not always the later ones.
 */
export const SEARCH_LIST_INPUT = 3;
/**
 * Marks an input that is several files of equal content, joined by NUL: known by which of them are one file under
 * several names. clang goes on from the directory of one of the names, whichever it was that an #include led to.
 */
export const EQUAL_FILES_INPUT = 4;

type Unsettled = Omit<Input, 'digest'>;

const directoryInput = (path: string): Unsettled => ({ path, flags: DIRECTORY_INPUT });
const aliasInput = ({ path, file }: Alias): Unsettled => ({ path: `${path}\0${file}`, flags: ALIAS_INPUT });

/** What an input of a manifest is known by, as of now; undefined if it is not what it was recorded as. */
export function identityNow({ path, flags }: Unsettled, files: FileStates, ways: Ways): Digest | undefined {
  if (flags === 0) return identityOf(path, files, ways);
  if (flags === DIRECTORY_INPUT) {
    const real = files.stampOf(path)?.kind === 'directory' ? ways.find(path)?.real : undefined;
    return real === undefined ? undefined : sha256(`directory ${real}`);
  }
  if (flags === SEARCH_LIST_INPUT) return sha256(`search list ${partition(path.split('\0'), 'directory', files)}`);
  if (flags === EQUAL_FILES_INPUT) return sha256(`equal files ${partition(path.split('\0'), 'file', files)}`);
  const [alias = '', file = ''] = path.split('\0');
  const [one, other] = [files.stampOf(alias), files.stampOf(file)];
  const same = one !== undefined && one.stamp.ino === other?.stamp.ino && one.stamp.dev === other.stamp.dev;
  // The real path as well: one of several hard links may stand for all, and compilers print its name.
  return same ? sha256(`alias ${path} ${ways.find(alias)?.real}`) : undefined;
}

function knownInputs(unsettled: readonly Unsettled[], files: FileStates, ways: Ways): readonly Input[] | Refusal {
  const known: Input[] = [];
  for (const input of unsettled) {
    const digest = identityNow(input, files, ways);
    if (digest === undefined) return refuse('input-changed', input.path);
    known.push({ ...input, digest });
  }
  return known;
}

/** A link turned to another directory of the list changes the list, though no file that was looked for moved. */
function searchListInput(list: SearchList): readonly Unsettled[] {
  const directories = directoriesOf(list);
  return directories.length === 0 ? [] : [{ path: directories.join('\0'), flags: SEARCH_LIST_INPUT }];
}

function equalFilesInputs(paths: readonly string[], files: FileStates): readonly Unsettled[] {
  const byDigest = new Map<Digest, string[]>();
  for (const path of paths) {
    const digest = files.digestOf(path)?.digest;
    if (digest === undefined) continue;
    const equal = byDigest.get(digest);
    if (equal === undefined) byDigest.set(digest, [path]);
    else equal.push(path);
  }
  const several = [...byDigest.values()].filter((equal) => equal.length > 1);
  return several.map((equal) => ({ path: equal.join('\0'), flags: EQUAL_FILES_INPUT }));
}

/** A file that the compiler read and the walk did not come by. */
function missedFile(
  read: readonly string[],
  walked: readonly string[],
  noHeaders: ReadonlySet<string>,
  files: FileStates,
): string | undefined {
  const reached = new Set(walked);
  return read.find((path) => !reached.has(path) && !noHeaders.has(path) && !isReachedOtherwise(path, walked, files));
}

/** gcc writes the shorter real path of a system header that is reached through a link. */
function isReachedOtherwise(path: string, reached: readonly string[], files: FileStates): boolean {
  const real = files.realPathOf(path);
  return real !== undefined && reached.some((other) => files.realPathOf(other) === real);
}

/** Digests of all inputs, each proved to be what the compiler read. */
function settleInputs(
  paths: ReadonlySet<string>,
  { files, ways, predates, unmoved }: SinceStart,
): readonly Input[] | Refusal {
  const inputs: Input[] = [];
  // Files of one directory share their steps: what holds for the way to one holds for all.
  const held = new Set<readonly Step[]>();
  for (const path of paths) {
    const way = ways.find(path);
    const seen = way === undefined ? undefined : seenFile(path, way, files);
    if (way === undefined || seen === undefined) {
      const special = files.stampOf(path);
      return refuse(special === undefined || special.kind === 'file' ? 'input-unreadable' : 'special-input', path);
    }
    if (!predates(seen.state.stamp)) return refuse('input-changed', path);
    if (!held.has(way.steps) && !unmoved(path)) return refuse('input-changed', path);
    held.add(way.steps);
    inputs.push({ path, digest: seen.identity, flags: 0 });
  }
  return inputs;
}
