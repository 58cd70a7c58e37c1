import { refuse } from '../base/refusal.ts';
import type { Lookup } from './directives.ts';
import { baseName, directoryOf, tidyPath } from './paths.ts';
import { type Directory, isOpened, type Probe, type Resolution } from './probes.ts';
import { type Lead, leadOf, type Visit } from './visit.ts';
import { listVain, type WalkState } from './walk-state.ts';

type Hit = NonNullable<Resolution['hit']>;

/** The implicit include of gcc: a header that may be missing, and after which precompiled headers are still asked for. */
export const STDC_PREDEF: Lookup = { op: 'include', form: 'angle', name: 'stdc-predef.h' };

/** Follows one directive of a visited file, be it of the file or one that the compiler adds. */
export function follow(state: WalkState, visit: Visit, lookup: Lookup): void {
  const lead = leadOf(state.lookups, visit, lookup, state.bracketStart);
  if (lead !== undefined) followLead(state, visit, lead);
}

/** Goes where a directive leads; one decided by macros is kept until more of them are known. */
export function followLead(state: WalkState, visit: Visit, lead: Lead): void {
  if (lead.to === 'computed') state.computed.push({ visit, lookup: lead.lookup, done: new Set() });
  else if (lead.to === 'place') followPlace(state, visit, lead);
  else followList(state, visit, lead);
}

function isTest(op: Lookup['op']): boolean {
  return op === 'has_include' || op === 'has_include_next';
}

/**
 * A name with one candidate that decides: in the includer's directory, or an absolute path. A file found in its includer's
 * directory has, to gcc, all of the search list behind it; to clang, what the includer had behind it.
 */
function followPlace(state: WalkState, visit: Visit, lead: Extract<Lead, { to: 'place' }>): void {
  const { only, inside, name, lookup } = lead;
  const next = lookup.name.startsWith('/') ? -1 : state.input.family === 'gcc' ? 0 : visit.next;
  const counts = isOpened(only.kind) ? openPlace(state, visit, lead, next) : missPlace(state, lead);
  if (!visit.early) return;
  checkPrecompiled(state, [inside], name, counts, isOpened(only.kind) ? inside : undefined);
}

/** Here and below the answer is whether the compiler may have made the lookup. */
function openPlace(state: WalkState, visit: Visit, lead: Extract<Lead, { to: 'place' }>, next: number): boolean {
  const { op, name } = lead.lookup;
  const way = { next, once: op === 'import', early: false };
  if (isTest(op)) {
    noteFound(state, lead, lead.only, { ...way, once: false });
    return true;
  }
  if (enter(state, lead, lead.only, way)) return true;
  leaveOut(state, lead.only, visit, name, 0);
  return false;
}

function missPlace(state: WalkState, { only, lookup }: Extract<Lead, { to: 'place' }>): boolean {
  const counts = isTest(lookup.op) || state.truth === undefined;
  if (counts) listVain(state, only, isTest(lookup.op));
  return counts;
}

function followList(state: WalkState, visit: Visit, lead: Extract<Lead, { to: 'list' }>): void {
  const { own, found, name } = lead;
  if (found.walk !== state.lookups.walk) {
    found.walk = state.lookups.walk;
    found.verdict = undefined;
    found.listed = false;
  }
  const counts = found.hit === undefined ? foundNowhere(state, lead) : foundInList(state, visit, lead, found.hit);
  if (!visit.early) return;
  const tried = own === undefined ? found.before : [visit.directory, ...found.before];
  const owner = found.hit?.directory;
  checkPrecompiled(state, owner === undefined ? tried : [...tried, owner], name, counts, owner);
}

function foundInList(
  state: WalkState,
  visit: Visit,
  lead: Extract<Lead, { to: 'list' }>,
  { probe, index }: Hit,
): boolean {
  const { own, found, lookup } = lead;
  const next = index + 1;
  if (isTest(lookup.op)) {
    const isListed = noteFound(state, lead, probe, { next, once: false, early: false });
    if (isListed) listAll(state, own, found);
    return true;
  }
  if (found.verdict === undefined || visit.early || lookup.op === 'import') {
    const way = { next, once: lookup.op === 'import', early: lookup === STDC_PREDEF };
    const entered = enter(state, lead, probe, way);
    found.verdict = entered ? 'followed' : 'left out';
    if (!entered) leaveOut(state, probe, visit, lookup.name, next);
  }
  if (found.verdict === 'followed') listAll(state, own, found);
  return found.verdict === 'followed';
}

/**
 * A name without a file. An include of it was not evaluated, or the compile would have failed, with one exception: gcc
 * (12.2) passes silently over an include whose name a `__has_include` has looked for in vain before.
 */
function foundNowhere(state: WalkState, { lookup, own, found }: Extract<Lead, { to: 'list' }>): boolean {
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
function noteFound(state: WalkState, lead: Targeted, probe: Probe, way: Way): boolean {
  state.present.add(probe.path);
  return state.input.family === 'clang' && enter(state, lead, probe, way);
}

/** `asked`: for a test, whose answer the compiler's list does not tell. */
function listAll(state: WalkState, own: Probe | undefined, found: Resolution, asked = false): void {
  if (own !== undefined) listVain(state, own, asked);
  if (found.listed && !asked) return;
  found.listed = true;
  for (const probe of found.vain) listVain(state, probe, asked);
}

/** How a file found is visited: see {@link Visit}; `once`: by #import. */
type Way = Pick<Visit, 'next' | 'early'> & { readonly once: boolean };

/** Remembers which visit a directive led to. */
interface Targeted {
  target: Visit | undefined;
}

/** Puts a file found on the stack. False if the compiler did not list it: then the directive was in a branch not taken. */
function enter(state: WalkState, lead: Targeted, probe: Probe, { next, early, once }: Way): boolean {
  const { truth, lookups, pending } = state;
  const match = truth === undefined || truth.has(probe.path) ? AS_SPELLED : truth.match(probe.path);
  if (match === undefined) return false;
  if (probe.kind === 'other') {
    state.problem ??= refuse('special-input', probe.path);
    return true;
  }
  const path = match.path ?? probe.path;
  if (once) state.once.add(path);
  const known = lead.target;
  if (known !== undefined && known.path === path && known.next === next && known.early === early && !match.alias) {
    pending.push(known);
    return true;
  }
  const directory = lookups.directory(directoryOf(match.alias ? tidyPath(path) : probe.path));
  const target = lookups.visit(path, directory, next, early);
  pending.push(target);
  if (match.alias) {
    state.aliases.set(probe.path, path);
    // gcc goes on from the name it prints. clang prints one name of several and may go on from another.
    if (state.input.family === 'clang')
      pending.push(lookups.visit(path, lookups.directory(directoryOf(probe.path)), next, early));
  } else lead.target = target;
  return true;
}

const AS_SPELLED = { path: undefined, alias: false };

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
