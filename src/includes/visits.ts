import { refuse } from '../base/refusal.ts';
import { commandLineTable, computedNames, macroWithin } from './computed-names.ts';
import type { FileScan, Lookup } from './directives.ts';
import { follow, followLead, STDC_PREDEF } from './follow.ts';
import { absolutePath, directoryOf } from './paths.ts';
import { flagRefusal } from './scan-refusals.ts';
import { leadsOf, type Visit } from './visit.ts';
import { listVain, type WalkState } from './walk-state.ts';

/** Puts the source itself on the stack. */
export function visitSource(state: WalkState): void {
  const { input, lookups, truth } = state;
  const path = absolutePath(input.cwd, input.source);
  const file = truth?.match(path)?.path ?? path;
  const kind = input.view.kindOf(path);
  if (kind === 'other') state.problem = refuse('special-input', path);
  else if (kind !== 'file') state.problem = refuse('input-unreadable', path);
  else {
    const directory = lookups.directory(directoryOf(path));
    state.pending.push(lookups.visit(file, directory, -1, true));
    if (input.family === 'gcc' && input.precompiles !== true) askForPrecompiled(state, `${path}.gch`);
    readFile(state, file);
  }
}

/** What a compile includes before its source: forced includes, and gcc's own stdc-predef.h. */
export function includeFirst(state: WalkState): void {
  const { input, lookups } = state;
  const { family } = input;
  const directory = lookups.directory(absolutePath(input.cwd, '.'));
  const start = lookups.visit('', directory, -1, true);
  if (family === 'gcc') follow(state, start, STDC_PREDEF);
  for (const { option, name } of input.forcedIncludes) {
    if (family === 'clang' && option === '-include')
      for (const suffix of ['.pch', '.gch']) askForPrecompiled(state, absolutePath(input.cwd, `${name}${suffix}`));
    follow(state, start, { op: 'include', form: 'quote', name });
  }
}

function askForPrecompiled(state: WalkState, path: string): void {
  const probe = state.lookups.probe(state.lookups.directory(''), path.slice(1));
  if (probe.kind === 'absent') listVain(state, probe, true);
  else state.problem ??= refuse('precompiled-header-used', path);
}

/** Visits files until none is left. */
export function drain(state: WalkState): void {
  for (let visit = state.pending.pop(); visit !== undefined; visit = state.pending.pop()) {
    if (state.problem !== undefined) return;
    const scan = readFile(state, visit.path);
    if (scan === undefined || !isNew(state, visit, scan)) continue;
    const kept = state.pending.length;
    for (const lead of leadsOf(state.lookups, visit, scan, state.bracketStart).each) followLead(state, visit, lead);
    reverseFrom(state.pending, kept);
  }
}

/** The last include must not be the first visited. */
function reverseFrom(stack: Visit[], from: number): void {
  for (let low = from, high = stack.length - 1; low < high; low++, high--) {
    const swap = stack[low] as Visit;
    stack[low] = stack[high] as Visit;
    stack[high] = swap;
  }
}

function readFile(state: WalkState, path: string): FileScan | undefined {
  const known = state.scans.get(path);
  if (known !== undefined) return known;
  const scan = state.input.view.scan(path);
  if (scan === undefined) {
    state.problem ??= refuse('input-unreadable', path);
    return undefined;
  }
  state.scans.set(path, scan);
  if (scan.once) state.once.add(path);
  state.problem ??= flagRefusal(scan, path, state.input);
  return scan;
}

/** Whether a file was not yet visited in this way. Its place in the search list counts only if it can be asked for. */
function isNew({ input, lookups }: WalkState, visit: Visit, scan: FileScan): boolean {
  let placed: boolean | undefined;
  for (const other of visit.siblings) {
    if (other.walk !== lookups.walk || other.directory !== visit.directory || (visit.early && !other.early)) continue;
    placed ??= input.family === 'clang' || scan.lookups.some((lookup) => lookup.op.endsWith('_next'));
    if (!placed || other.next === visit.next) return false;
  }
  visit.walk = lookups.walk;
  return true;
}

/** Follows computed includes as far as the definitions seen so far allow; whether that led to files not yet visited. */
export function expandComputed(state: WalkState): boolean {
  if (state.problem !== undefined || state.computed.length === 0) return false;
  const sources = {
    scans: [...state.scans.values()],
    commandLine: commandLineTable(state.input.commandLineDefines),
  };
  for (const { visit, lookup, done } of [...state.computed]) {
    const { names, unclear } =
      lookup.form === 'macro'
        ? computedNames(lookup.name, sources)
        : { names: [{ form: 'angle' as const, name: lookup.name }], unclear: macroWithin(lookup.name, sources) };
    if (unclear !== undefined) {
      state.problem = refuse('computed-include', `${visit.path}: ${unclear}`);
      return false;
    }
    for (const { form, name } of names) {
      if (done.has(`${form} ${name}`)) continue;
      done.add(`${form} ${name}`);
      follow(state, visit, { op: lookup.op, form, name } satisfies Lookup);
    }
  }
  return state.pending.length > 0;
}
