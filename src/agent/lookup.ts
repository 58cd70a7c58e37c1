import type { Digest } from '../base/digest.ts';
import {
  type AbsentGroup,
  absentOf,
  type Input,
  inputsOf,
  type Manifest,
  type NewEntry,
  presentOf,
} from '../cache/manifest.ts';
import { type Description, inDirectory } from './describe.ts';
import { type EncodedCheck, encodeCheck } from './encoded-checks.ts';
import type { FileStates } from './file-state.ts';
import { namesIn } from './gcc-installations.ts';
import { ALIAS_INPUT, DIRECTORY_INPUT, identityNow, SEARCH_LIST_INPUT } from './inputs.ts';
import { wantsColour } from './plan.ts';
import { type SeenFile, seenFile } from './seen-files.ts';
import type { Step, Way, Ways } from './ways.ts';

/** A stored result whose every condition holds now, with the checks by which the launcher proves it again. */
export interface Proof {
  readonly entry: NewEntry;
  readonly checks: readonly EncodedCheck[];
  /** Check index to directory, for the checks that stand for many absent names. */
  readonly directoryChecks: ReadonlyMap<number, string>;
  /** Whether the checks prove it later as well; false while a file is too young for its stamp to mean anything. */
  readonly lasting: boolean;
}

export interface LookupServices {
  readonly files: FileStates;
  readonly ways: Ways;
  /** Directories seen to change between compiles (build output): absent names in them are checked one by one. */
  readonly churning: ReadonlySet<string>;
}

/** Finds the newest entry that holds. */
export function findProof(manifest: Manifest, description: Description, services: LookupServices): Proof | undefined {
  const seen = new Map<string, Digest | undefined>();
  const { ways } = services;
  const current = (input: Input): Digest | undefined => {
    const key = `${input.flags} ${input.path}`;
    if (!seen.has(key)) seen.set(key, identityNow(input, services.files, ways));
    return seen.get(key);
  };
  for (const entry of manifest.entries) {
    if (!colourFits(entry, description)) continue;
    if (!inputsOf(manifest, entry).every((input) => current(input) === input.digest)) continue;
    const conditions = {
      inputs: inputsOf(manifest, entry),
      present: presentOf(manifest, entry),
      absent: absentOf(manifest, entry),
    };
    const proof = proofOf({ ...entry, ...conditions }, description, services);
    if (proof !== undefined) return proof;
  }
  return undefined;
}

/**
 * The proof of a result whose conditions were learned a moment ago, in the same sight as `services`: what it is known by is
 * what it was learned from.
 */
export function proveNew(entry: NewEntry, description: Description, services: LookupServices): Proof | undefined {
  return colourFits(entry, description) ? proofOf(entry, description, services) : undefined;
}

/** Coloured diagnostics can be stripped, plain ones not coloured; empty ones are both. */
function colourFits(entry: Pick<NewEntry, 'stderr' | 'colour'>, description: Description): boolean {
  const empty = entry.stderr.kind === 'inline' && entry.stderr.text === '';
  return empty || entry.colour === 'coloured' || !wantsColour(description);
}

interface Collected {
  readonly checks: EncodedCheck[];
  readonly directoryChecks: Map<number, string>;
  /** Places already checked. */
  readonly passed: Set<string>;
  /** Ways already checked: files of one directory share theirs, some forty for 430 headers. */
  readonly trodden: Set<readonly Step[]>;
  lasting: boolean;
}

function proofOf(entry: NewEntry, description: Description, services: LookupServices): Proof | undefined {
  const { files, ways } = services;
  const { inputs, present, absent } = entry;
  const collected: Collected = {
    checks: [],
    directoryChecks: new Map(),
    passed: new Set(),
    trodden: new Set(),
    lasting: true,
  };
  const { parts } = description.toolchain;
  // The compiler's own name may be a link to another one tomorrow.
  const toCompiler = ways.find(description.request.compiler);
  if (toCompiler === undefined) return undefined;
  addWayChecks(toCompiler, collected);
  // Digests are compared with the stamps that the launcher will see: a file may have changed since it was read above.
  for (const { path, digest } of parts)
    if (addFileCheck(path, services, collected)?.state.digest !== digest) return undefined;
  for (const { path, names } of description.toolchain.directories) {
    const listing = files.listingOf(path);
    if (listing === undefined || namesIn(path, files) !== names) return undefined;
    collected.checks.push(encodeCheck({ kind: 'directory', path, stamp: listing.stamp }));
    if (!listing.settled) collected.lasting = false;
  }
  for (const path of description.decidingFiles)
    if (addFileCheck(path, services, collected) === undefined) return undefined;
  for (const { path, digest, flags } of inputs) {
    if (flags === 0 && addFileCheck(path, services, collected)?.identity !== digest) return undefined;
  }
  for (const { path, flags } of inputs) {
    if (flags === DIRECTORY_INPUT) addIdentityCheck(path, files, collected);
    if (flags === SEARCH_LIST_INPUT)
      for (const directory of path.split('\0')) addIdentityCheck(directory, files, collected);
    if (flags === ALIAS_INPUT && addFileCheck(path.slice(0, path.indexOf('\0')), services, collected) === undefined)
      return undefined;
  }
  for (const path of description.decidingAbsent) {
    if (files.stampOf(path) !== undefined) return undefined;
    collected.checks.push(encodeCheck({ kind: 'unreachable', path }));
  }
  for (const path of present) {
    const kind = files.stampOf(path)?.kind;
    if (kind === undefined || kind === 'directory') return undefined;
    collected.checks.push(encodeCheck({ kind: 'present', path }));
  }
  if (!addLogicalDirectory(description, files, collected)) return undefined;
  const outputDirectory = directoryOf(inDirectory(description.request.cwd, description.invocation.output));
  for (const group of absent) {
    const quiet = !services.churning.has(group.dir) && group.dir !== outputDirectory;
    if (!addAbsenceChecks(group, quiet, files, collected)) return undefined;
  }
  const { checks, directoryChecks, lasting } = collected;
  return { entry, checks, directoryChecks, lasting };
}

/** Checks a file as it is now, and the way to it. */
function addFileCheck(path: string, { files, ways }: LookupServices, collected: Collected): SeenFile | undefined {
  const way = ways.find(path);
  const seen = way === undefined ? undefined : seenFile(path, way, files);
  if (way === undefined || seen === undefined) return undefined;
  addWayChecks(way, collected);
  if (isNew(way.real, collected.passed)) collected.checks.push(seen.check);
  if (!seen.state.settled) collected.lasting = false;
  return seen;
}

/** What is on the way must be the same links, and between them directories that are no links. */
function addWayChecks(way: Way, { checks, passed, trodden }: Collected): void {
  if (!isNew(way.steps, trodden)) return;
  for (const { kind, at, stamp } of way.steps) {
    if (!isNew(at, passed)) continue;
    checks.push(encodeCheck(kind === 'link' ? { kind, path: at, stamp } : { kind: 'no-link', path: at }));
  }
}

/** Whether it was not in the set, where it is then. Asks the set once. */
function isNew<T>(item: T, seen: Set<T>): boolean {
  const before = seen.size;
  return seen.add(item).size > before;
}

/** $PWD decides DW_AT_comp_dir if it names the same directory: it has to go on doing so, or not doing so. */
function addLogicalDirectory({ request, fields }: Description, files: FileStates, collected: Collected): boolean {
  const pwd = request.env.get('PWD');
  if (pwd === undefined || pwd === request.cwd || !pwd.startsWith('/')) return true;
  const named = files.stampOf(pwd);
  const isKey = fields.some((field) => field.tag === 'pwd' && field.value === pwd);
  const real = files.stampOf(request.cwd);
  const same = named?.stamp.ino === real?.stamp.ino && named?.stamp.dev === real?.stamp.dev;
  if (real === undefined || isKey !== (named !== undefined && same)) return false;
  addIdentityCheck(request.cwd, files, collected);
  if (named === undefined) collected.checks.push(encodeCheck({ kind: 'absent', path: pwd }));
  else addIdentityCheck(pwd, files, collected);
  return true;
}

/** The same directory under this name, whatever is in it. */
function addIdentityCheck(path: string, files: FileStates, collected: Collected): void {
  const at = files.stampOf(path);
  if (at?.kind !== 'directory') collected.lasting = false;
  else collected.checks.push(encodeCheck({ kind: 'identity', path, stamp: at.stamp }));
}

/**
 * Proves that none of the names exists. A quiet directory whose stamp is old proves all of them by one stat; in one
 * that churns, or is too young, each name is asked for.
 */
function addAbsenceChecks(group: AbsentGroup, quiet: boolean, files: FileStates, collected: Collected): boolean {
  const { dir, names } = group;
  const listing = files.listingOf(dir);
  if (listing === undefined) {
    if (files.stampOf(dir) !== undefined) return addNamedAbsences(group, files, collected);
    collected.checks.push(encodeCheck({ kind: 'absent', path: dir }));
    return true;
  }
  for (const name of names) {
    const slash = name.indexOf('/');
    const first = slash < 0 ? name : name.slice(0, slash);
    if (listing.names.has(first) && files.stampOf(`${dir}/${name}`) !== undefined) return false;
    // Below an existing sub-directory this directory's stamp proves nothing.
    if (listing.names.has(first)) return addNamedAbsences(group, files, collected);
  }
  if (!quiet || !listing.settled) return addNamedAbsences(group, files, collected);
  collected.directoryChecks.set(collected.checks.length, dir);
  collected.checks.push(encodeCheck({ kind: 'directory', path: dir, stamp: listing.stamp }));
  return true;
}

function addNamedAbsences({ dir, names }: AbsentGroup, files: FileStates, collected: Collected): boolean {
  for (const name of names) {
    const path = `${dir}/${name}`;
    if (files.stampOf(path) !== undefined) return false;
    collected.checks.push(encodeCheck({ kind: 'absent', path }));
  }
  return true;
}

export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}
