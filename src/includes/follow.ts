import { refuse } from '../base/refusal.ts';
import type { Lookup } from './directives.ts';
import { type Directory, isOpened, type Probe, type Resolution } from './lookups.ts';
import { baseName, directoryOf, tidyPath } from './paths.ts';
import { listVain, type Visit, type WalkState } from './walk-state.ts';

/** The implicit include of gcc: a header that may be missing, and after which precompiled headers are still asked for. */
export const STDC_PREDEF: Lookup = { op: 'include', form: 'angle', name: 'stdc-predef.h' };

/**
 * Follows one directive of a visited file. The rules of both compilers:
 * - "name" begins in the directory of the includer as spelled, then goes through the quote and bracket directories;
 *   <name> begins with the bracket directories; include_next begins after the place where the includer was found, and
 *   acts as a plain include where there is no such place (the source, files found by an absolute path).
 * - A file found in its includer's directory has, to gcc, all of the search list behind it; to clang, what the
 *   includer had behind it.
 */
export function follow(state: WalkState, visit: Visit, lookup: Lookup): void {
  const { op, form } = lookup;
  const name = lookup.name.startsWith('./') ? tidyPath(`/${lookup.name}`).slice(1) : lookup.name;
  if (name === '') return;
  if (name.startsWith('/')) {
    const root = state.lookups.directory('');
    const below = tidyPath(name).slice(1);
    const only = state.lookups.probe(root, below);
    const counts = followHere(state, visit, lookup, only, -1);
    if (visit.early) checkPrecompiled(state, [root], below, counts, isOpened(only.kind) ? root : undefined);
    return;
  }
  const isNext = op.endsWith('_next') && visit.next >= 0;
  let own: Probe | undefined;
  if (form === 'quote' && !isNext) {
    own = state.lookups.probe(visit.directory, name);
    if (isOpened(own.kind)) {
      const counts = followHere(state, visit, lookup, own, state.input.family === 'gcc' ? 0 : visit.next);
      if (visit.early) checkPrecompiled(state, [visit.directory], name, counts, visit.directory);
      return;
    }
  }
  const start = isNext ? visit.next : form === 'quote' ? 0 : state.bracketStart;
  const found = state.lookups.resolve(start, name);
  const counts = followList(state, visit, lookup, own, found);
  if (!visit.early) return;
  const tried = own === undefined ? found.before : [visit.directory, ...found.before];
  const owner = found.hit?.directory;
  checkPrecompiled(state, owner === undefined ? tried : [...tried, owner], name, counts, owner);
}

function isTest(op: Lookup['op']): boolean {
  return op === 'has_include' || op === 'has_include_next';
}

/**
 * A name with one candidate that decides: in the includer's directory, or an absolute path. Here and below the answer
 * is whether the compiler may have made the lookup.
 */
function followHere(state: WalkState, visit: Visit, { op, name }: Lookup, own: Probe, next: number): boolean {
  if (isTest(op)) {
    if (isOpened(own.kind)) noteFound(state, own, { next, once: false, early: false });
    else listVain(state, own, true);
    return true;
  }
  if (!isOpened(own.kind)) {
    if (state.truth === undefined) listVain(state, own);
    return state.truth === undefined;
  }
  if (enter(state, own, { next, once: op === 'import', early: false })) return true;
  leaveOut(state, own, visit, name, 0);
  return false;
}

function followList(
  state: WalkState,
  visit: Visit,
  lookup: Lookup,
  own: Probe | undefined,
  found: Resolution,
): boolean {
  const { op, name } = lookup;
  const { hit } = found;
  if (hit === undefined) return foundNowhere(state, lookup, own, found);
  const next = hit.index + 1;
  if (isTest(op)) {
    const isListed = noteFound(state, hit.probe, { next, once: false, early: false });
    if (isListed) listAll(state, own, found);
    return true;
  }
  if (found.verdict === undefined || visit.early || op === 'import') {
    const entered = enter(state, hit.probe, { next, once: op === 'import', early: lookup === STDC_PREDEF });
    found.verdict = entered ? 'followed' : 'left out';
    if (!entered) leaveOut(state, hit.probe, visit, name, next);
  }
  if (found.verdict === 'followed') listAll(state, own, found);
  return found.verdict === 'followed';
}

/**
 * A name without a file. An include of it was not evaluated, or the compile would have failed, with one exception: gcc
 * (12.2) passes silently over an include whose name a `__has_include` has looked for in vain before.
 */
function foundNowhere(state: WalkState, lookup: Lookup, own: Probe | undefined, found: Resolution): boolean {
  const { silent } = state;
  const { name } = lookup;
  if (isTest(lookup.op) || lookup === STDC_PREDEF || state.truth === undefined) {
    listAll(state, own, found, isTest(lookup.op));
    if (!isTest(lookup.op) || state.input.family !== 'gcc') return true;
    const includes = silent.get(name) ?? [];
    if (includes !== 'tested') for (const include of includes) listAll(state, include.own, include.found, true);
    silent.set(name, 'tested');
    return true;
  }
  const before = silent.get(name);
  if (before === 'tested') listAll(state, own, found, true);
  else if (state.input.family === 'gcc') silent.set(name, [...(before ?? []), { own, found }]);
  return before === 'tested';
}

/**
 * A test for existence that succeeded. clang puts the file found into its depfile though it reads nothing of it: it is
 * then followed like an include, whose candidates before it count, because another file found would be listed instead.
 */
function noteFound(state: WalkState, probe: Probe, way: Way): boolean {
  state.present.add(probe.path);
  return state.input.family === 'clang' && enter(state, probe, way);
}

/** `asked`: for a test, whose answer the compiler's list does not tell. */
function listAll(state: WalkState, own: Probe | undefined, found: Resolution, asked = false): void {
  if (own !== undefined) listVain(state, own, asked);
  if (found.listed && !asked) return;
  found.listed = true;
  for (const directory of found.before) listVain(state, state.lookups.probe(directory, found.name), asked);
}

/** How a file found is visited: see {@link Visit}; `once`: by #import. */
type Way = Pick<Visit, 'next' | 'early'> & { readonly once: boolean };

/** Puts a file found on the stack. False if the compiler did not list it: then the directive was in a branch not taken. */
function enter(state: WalkState, probe: Probe, { next, early, once }: Way): boolean {
  const { truth, lookups, todo } = state;
  const match = truth === undefined ? { path: probe.path, alias: false } : truth.match(probe.path);
  if (match === undefined) return false;
  if (probe.kind === 'other') {
    state.problem ??= refuse('special-input', probe.path);
    return true;
  }
  const { path, alias } = match;
  if (once) state.once.add(path);
  const directory = lookups.directory(directoryOf(alias ? tidyPath(path) : probe.path));
  todo.push({ path, directory, next, early });
  if (alias) {
    state.aliases.set(probe.path, path);
    // gcc goes on from the name it prints. clang prints one name of several and may go on from another.
    if (state.input.family === 'clang')
      todo.push({ path, directory: lookups.directory(directoryOf(probe.path)), next, early });
  }
  return true;
}

/** Notes a file that stands where the compiler would have found it, though it did not list it. */
function leaveOut(state: WalkState, probe: Probe, visit: Visit, name: string, from: number): void {
  state.outside.add(probe.path);
  const { truth } = state;
  // Nearly all such headers have a name of their own: looking for namesakes comes first.
  if (truth === undefined || !truth.hasName(baseName(name))) return;
  const { list } = state.lookups;
  const isListed = (directory: string | undefined) => truth.lists(tidyPath(`${directory}/${name}`));
  if (from > 0 && isListed(visit.directory.path)) state.hiding.add(probe.path);
  for (let at = from; at < list.length; at++) if (isListed(list[at]?.path)) state.hiding.add(probe.path);
}

/**
 * gcc, before its first include: a precompiled header beside any candidate may have been used in place of it, whether or
 * not the directive seems to count. `counts`: their absence is part of the proof. One beside the header that is found
 * (`owner`: its directory) is noted; a directory of them, or one without a header, is nothing that builds make.
 */
function checkPrecompiled(
  state: WalkState,
  tried: readonly Directory[],
  name: string,
  counts: boolean,
  owner: Directory | undefined,
): void {
  if (state.input.family !== 'gcc' || state.input.precompiles === true) return;
  for (const directory of tried) {
    const probe = state.lookups.probe(directory, `${name}.gch`);
    if (probe.kind === 'file' && directory === owner) state.precompiled.add(probe.path);
    else if (probe.kind !== 'absent') state.problem ??= refuse('precompiled-header-used', probe.path);
    else {
      // No list of the compiler's would name one that was there and is gone.
      state.asked.add(probe.path);
      if (counts) listVain(state, probe, true);
    }
  }
}
