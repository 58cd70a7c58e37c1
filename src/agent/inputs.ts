import { type Digest, sha256 } from '../base/digest.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { AbsentGroup, Input } from '../cache/manifest.ts';
import type { SearchList } from '../includes/port.ts';
import { absentGroups } from '../includes/absent-groups.ts';
import { walk } from '../includes/walk.ts';
import { type Description, inDirectory } from './describe.ts';
import type { FileStates } from './file-state.ts';
import type { ReadFiles } from './read-files.ts';
import type { CompileEnded } from './wire.ts';

/** The conditions under which a result holds: what was read, what was asked for and found, what was not there. */
export interface Conditions {
  readonly kind: 'conditions';
  readonly inputs: readonly Input[];
  readonly present: readonly string[];
  readonly absent: readonly AbsentGroup[];
}

/**
 * How much older than the compile's start an input's time stamps must be. Kernels stamp with the time of the last
 * timer tick (4 ms at 250 Hz), so a write after the start may carry a stamp this much before it.
 */
const TICK_NS = 10_000_000n;
/** File systems without sub-second stamps round down by up to two seconds (FAT). */
const COARSE_NS = 2_000_000_000n;

/** Learns the conditions of a successful run from its lists and from the scan. `beforeDigests`: see {@link predates}. */
export function learnConditions(
  description: Description,
  lists: ReadFiles,
  search: SearchList,
  ended: CompileEnded,
  files: FileStates,
): Conditions | Refusal {
  const { invocation, request } = description;
  const truth = lists.truth === undefined ? undefined : new Set(lists.truth);
  const kindOf = (path: string) => files.stampOf(path)?.kind ?? 'absent';
  const walked = walk({
    cwd: request.cwd,
    source: invocation.source,
    family: invocation.family,
    language: invocation.language,
    forcedIncludes: invocation.forcedIncludes,
    commandLineDefines: definesOf(invocation.keyArgs),
    search,
    view: {
      kindOf,
      scan: (path) => files.scanOf(path),
      identityOf: (path) => {
        const at = files.stampOf(path);
        return at === undefined ? undefined : `${at.stamp.dev}:${at.stamp.ino}`;
      },
      digestOf: (path) => files.digestOf(path)?.digest,
    },
    ...(truth === undefined ? {} : { truth }),
  });
  if (walked.problem !== undefined && !isExcused(walked.problem, description)) return walked.problem;
  const reached = new Set(walked.files);
  const missed = lists.atLeast.find((path) => !reached.has(path) && !isReachedOtherwise(path, walked.files, files));
  if (missed !== undefined) return refuse('scan-incomplete', missed);
  const extra = [...invocation.extraInputs.map((path) => inDirectory(request.cwd, path)), ...lists.assembler];
  // The source first; truth before the scan's own list, because its spelling is what lookups will ask for.
  const paths = new Set([inDirectory(request.cwd, invocation.source), ...(lists.truth ?? walked.files), ...extra]);
  const inputs = settleInputs(paths, ended, files);
  if ('kind' in inputs) return inputs;
  const directories = searchDirectoryInputs(search, files);
  const groups = absentGroups(walked.absent, kindOf);
  const absent = groups.map(({ dir, names, byName }) => ({ dir, names: [...names, ...byName] }));
  return { kind: 'conditions', inputs: [...inputs, ...directories], present: walked.present, absent };
}

/** Marks an input that is a directory: its digest is that of its real path. */
export const DIRECTORY_INPUT = 1;

/** What a directory is known by: where its name really leads. */
export function directoryIdentity(path: string, files: FileStates): Digest | undefined {
  const real = files.realPathOf(path);
  return real === undefined ? undefined : sha256(`directory ${real}`);
}

/**
 * A search directory that is another name of one already listed is dropped by the compiler. That holds as long as all
 * of them lead where they lead now.
 */
function searchDirectoryInputs({ quote, bracket, duplicate = [] }: SearchList, files: FileStates): readonly Input[] {
  if (duplicate.length === 0) return [];
  return [...quote, ...bracket, ...duplicate].flatMap((path) => {
    const digest = directoryIdentity(path, files);
    return digest === undefined ? [] : [{ path, digest, flags: DIRECTORY_INPUT }];
  });
}

/** The -D options among the arguments: a macro may be the operand of an #include. */
function definesOf(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, i) => {
    if (arg === '-D') return [args[i + 1] ?? ''];
    return arg.startsWith('-D') ? [arg.slice(2)] : [];
  });
}

/** With SOURCE_DATE_EPOCH gcc prints a fixed date, and the variable is in the key. clang 14 does not know it. */
function isExcused(problem: Refusal, { invocation, request }: Description): boolean {
  return (
    problem.reason === 'time-macro' &&
    !problem.detail.includes('__TIMESTAMP__') &&
    invocation.family === 'gcc' &&
    (request.env.get('SOURCE_DATE_EPOCH') ?? '') !== ''
  );
}

/** gcc writes the shorter real path of a system header that is reached through a link. */
function isReachedOtherwise(path: string, reached: readonly string[], files: FileStates): boolean {
  const real = files.realPathOf(path);
  return real !== undefined && reached.some((other) => files.realPathOf(other) === real);
}

/** Digests of all inputs, each proved to be what the compiler read. */
function settleInputs(paths: ReadonlySet<string>, ended: CompileEnded, files: FileStates): readonly Input[] | Refusal {
  const inputs: Input[] = [];
  const once = new Map<string, string>();
  for (const path of paths) {
    const state = files.digestOf(path);
    if (state === undefined) {
      const special = files.stampOf(path);
      return refuse(special === undefined || special.kind === 'file' ? 'input-unreadable' : 'special-input', path);
    }
    const { mtime, ctime } = state.stamp;
    const latest = mtime > ctime ? mtime : ctime;
    const margin = latest % 1_000_000_000n === 0n ? COARSE_NS : TICK_NS;
    if (latest > ended.startedNs - margin) return refuse('input-changed', path);
    // Two equal files with #pragma once: gcc merges them if their times are equal, clang if they are one inode.
    if (state.stamp.size > 0n && files.scanOf(path)?.once === true) {
      if (once.has(state.digest)) return refuse('identical-headers', path);
      once.set(state.digest, path);
    }
    inputs.push({ path, digest: state.identity, flags: 0 });
  }
  return inputs;
}
