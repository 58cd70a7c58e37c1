import { type Refusal, refuse } from '../base/refusal.ts';
import type {
  CommandLineMeaning,
  DepfileRequest,
  DriverMode,
  Family,
  Invocation,
  Language,
  Output,
} from './invocation.ts';
import { isCompiled, isHeader, isPreprocessed } from './languages.ts';
import type { Input, LineReading } from './line-reading.ts';
import { readLine } from './option-reader.ts';
import { defaultDepfile, defaultOutput, sideOutput } from './output-names.ts';
import { isAssemblerDebugOption } from './passed-options.ts';
import type { ProfileUse } from './profile-data.ts';

export interface CommandLine {
  readonly family: Family;
  readonly mode: DriverMode;
  /** The arguments after the compiler's name, response files expanded; byte strings. */
  readonly args: readonly string[];
}

/** What a command line means: one compile, fully understood; a refusal with its reason; or no compile at all. */
export function parseCommandLine({ family, mode, args }: CommandLine): CommandLineMeaning {
  const reading = readLine(family, mode, args);
  const { seen, inputs } = reading;
  if (seen.has('query')) return { kind: 'not-a-compile' };
  if (seen.has('verbose') && inputs.length === 0) return { kind: 'not-a-compile' };
  const refusal = refusedCall(reading) ?? reading.refusals[0] ?? refusedDetails(reading);
  if (refusal !== undefined) return refusal;
  const [source] = inputs as [Input];
  return compileOf(reading, source.name, languageOf(source), args);
}

/** The kinds of calls that are no compile to one object, whatever else the line says. */
function refusedCall({ seen, inputs, refusals }: LineReading): Refusal | undefined {
  if (seen.has('preprocess')) return refuse('preprocess-only');
  if (seen.has('syntax')) return refuse('syntax-only');
  const compiles = seen.has('object') || seen.has('assembly');
  if (!compiles && !inputs.every(({ kind }) => isHeader(kind))) return refuse('link');
  return inputs.length === 0 && refusals.length === 0 ? refuse('no-source') : undefined;
}

function languageOf({ kind }: Input): Language {
  if (kind === 'c-header') return 'c';
  return kind === 'c++-header' ? 'c++' : (kind as Language);
}

/** Everything known and well-spelled, and still not one compile the cache can account for. */
function refusedDetails(reading: LineReading): Refusal | undefined {
  const { seen } = reading;
  if (seen.has('verbose')) return refuse('unsupported-option', '-v');
  return refusedInputs(reading) ?? refusedOutput(reading) ?? refusedDepfile(reading) ?? refusedProfile(reading);
}

function refusedInputs(reading: LineReading): Refusal | undefined {
  const { inputs, seen } = reading;
  const [first, second] = inputs;
  if (first === undefined) return refuse('no-source');
  if (second !== undefined) return refuse('several-sources', second.name);
  if (first.name === '-') return refuse('stdin-source');
  if (isHeader(first.kind) && !isMadeAsKnown(first, reading)) return refuse('precompiled-header', first.name);
  if (first.kind === 'unsupported') return refuse('unsupported-language', first.name);
  if (first.kind === 'linker-input') return refuse('no-source', first.name);
  // "-S" on assembler text prints to stdout or does nothing, depending on the compiler.
  if (seen.has('assembly') && !isCompiled(languageOf(first))) return refuse('unsupported-option', '-S');
  return undefined;
}

/** Effects of which nobody knows what they do to a precompiled header. */
const NOT_IN_HEADERS = ['assembly', 'coverage', 'stack-usage', 'profile-use', 'names-output', 'records'] as const;

/**
 * Whether a precompiled header is made of it in the one way that is known: gcc's, with nothing written beside it but a
 * depfile, which without -c, -o and -MF has a name of its own kind (a-x.d).
 */
function isMadeAsKnown({ kind }: Input, reading: LineReading): boolean {
  const { family, seen, lto, splitDwarf, extraInputs, depfileRequests, depfilePaths, outputs } = reading;
  if (family !== 'gcc' || kind === 'header' || lto || splitDwarf !== 'no' || extraInputs.length > 0) return false;
  if (NOT_IN_HEADERS.some((effect) => seen.has(effect)) || depfileRequests.some(({ passed }) => passed)) return false;
  return depfileRequests.length === 0 || seen.has('object') || depfilePaths.length + outputs.length > 0;
}

function refusedOutput({ outputs }: LineReading): Refusal | undefined {
  if (outputs.length > 1) return refuse('unsupported-option', '-o');
  if (outputs[0] === '-') return refuse('output-to-stdout', '-o');
  return outputs[0] === '' ? refuse('unsupported-option', '-o') : undefined;
}

/** gcc takes a prefix off the paths it names profiles after. */
function refusedProfile({ seen, keyParts }: LineReading): Refusal | undefined {
  const option = keyParts.find(({ text }) => text.startsWith('-fprofile-prefix-path='))?.text;
  return option !== undefined && seen.has('profile-use') ? refuse('profile-use', option) : undefined;
}

/**
 * -MD and -MMD go through the driver, -Wp,-MD past it: mixed, the two families read them differently, and so do
 * several -Wp, or -Wp with -MF.
 */
function refusedDepfile({ depfileRequests, depfilePaths, depfileTargets, keyParts }: LineReading): Refusal | undefined {
  // Without -MD gcc fails, and clang warns of a name that nothing uses: a warning that adding -MD would take away.
  const unused = depfileRequests.length === 0 && (depfilePaths.length > 0 || depfileTargets > 0);
  if (unused) return refuse('unsupported-option', depfilePaths.length > 0 ? '-MF' : '-MT');
  if (depfileRequests.length === 0 && keyParts.some(({ text }) => text === '-MP'))
    return refuse('unsupported-option', '-MP');
  if (depfilePaths.includes('-')) return refuse('output-to-stdout', '-MF');
  const passed = depfileRequests.filter((request) => request.passed).length;
  if (passed > 0 && (depfileRequests.length > 1 || depfilePaths.length > 1))
    return refuse('unsupported-option', '-Wp,-MD');
  return undefined;
}

function compileOf(
  reading: LineReading,
  source: string,
  language: Language,
  args: readonly string[],
): CommandLineMeaning {
  const { family, mode } = reading;
  const stage = stageOf(reading);
  const output = reading.outputs[0] ?? defaultOutput(family, source, stage);
  const preprocesses = isPreprocessed(language);
  const depfile = preprocesses ? depfileOf(reading, source) : ({ kind: 'none' } as const);
  const sides = [...depfileOutput(depfile), ...sideOutputs(reading, source, language)];
  // -o /dev/null is a habit of configure scripts; files beside it (/dev/null.d) are nobody's wish.
  if (output === '/dev/null' && sides.some((side) => side.path.startsWith('/dev/')))
    return refuse('special-output', output);
  const debug = reading.debug || reading.splitDwarf !== 'no' || reading.assembler.some(isAssemblerDebugOption);
  const recordsCommandLine = reading.seen.has('records') || stage === 'precompiled';
  const main: Output = { role: stage, path: output, required: true };
  const meaning: Invocation = {
    kind: 'compile',
    family,
    mode,
    language,
    stage,
    source,
    output,
    outputs: [main, ...sides],
    depfile,
    keyArgs: recordsCommandLine ? args : keyArgs(reading, depfile),
    searchArgs: reading.search,
    toolArgs: reading.tool,
    forcedIncludes: preprocesses ? reading.forcedIncludes : [],
    extraInputs: reading.extraInputs,
    profile: isCompiled(language) ? profileOf(reading, source) : undefined,
    nativeArch: reading.nativeArch,
    debug,
    recordsCommandLine,
    externalAssembler: stage === 'object' && runsAssembler(reading, language),
    preprocesses,
    colour: family === 'clang' && language === 'assembler' ? 'explicit' : reading.colour,
    columnsMatter: columnsMatter(reading, debug),
  };
  return meaning;
}

function stageOf({ seen, inputs }: LineReading): Invocation['stage'] {
  if (inputs.some(({ kind }) => isHeader(kind))) return 'precompiled';
  return seen.has('assembly') ? 'assembly' : 'object';
}

function depfileOf({ family, depfileRequests, depfilePaths, outputs }: LineReading, source: string): DepfileRequest {
  if (depfileRequests.length === 0) return { kind: 'none' };
  // Both families: a single -MMD anywhere leaves the system headers out, whatever the order (gcc 12, clang 14).
  const systemHeaders = depfileRequests.every((request) => request.systemHeaders);
  const path = depfilePaths.at(-1) ?? defaultDepfile(family, source, outputs[0]);
  return { kind: 'user', path, systemHeaders };
}

function depfileOutput(depfile: DepfileRequest): Output[] {
  return depfile.kind === 'user' ? [{ role: 'depfile', path: depfile.path, required: true }] : [];
}

/**
 * Where the compiler may do without a side output it is not required: then its absence proves nothing. Where it surely
 * writes one, a missing one shows a compiler that names it otherwise, and nothing is stored.
 */
function sideOutputs(reading: LineReading, source: string, language: Language): Output[] {
  const { family, seen, lto, outputs } = reading;
  const sides: Output[] = [];
  const add = (role: 'dwo' | 'gcno' | 'su', named: string | undefined, required: boolean) =>
    sides.push({ role, path: sideOutput(family, source, named, role), required });
  // Clang takes the .dwo's name from -o only under -c, else from the source (seen with -S -o).
  const dwoNamed = family === 'gcc' || seen.has('object') ? outputs[0] : undefined;
  if (reading.splitDwarf === 'yes') add('dwo', dwoNamed, splitsSurely(reading, language));
  if (!isCompiled(language)) return sides;
  const surely = !seen.has('no-side-output');
  if (seen.has('coverage')) add('gcno', outputs[0], surely);
  if (seen.has('stack-usage')) add('su', outputs[0], surely && family === 'gcc' && !lto);
  return sides;
}

/** -fno-profile-use is not looked for: a profile that is not read only makes more misses. */
function profileOf(
  { family, seen, profiles, profileDirectory, outputs }: LineReading,
  source: string,
): ProfileUse | undefined {
  if (!seen.has('profile-use')) return undefined;
  if (family === 'clang') return { kind: 'named', paths: profiles };
  const name = sideOutput(family, source, outputs[0], 'gcda');
  return { kind: 'derived', name, directory: profileDirectory };
}

/** gcc splits every object, even one without debug information; clang needs some, and does not split bitcode. */
function splitsSurely({ family, seen, lto, debug }: LineReading, language: Language): boolean {
  if (seen.has('assembly')) return false;
  return family === 'gcc' || !isCompiled(language) || (debug && !lto);
}

/** The output's name is in a depfile without -MT or -MQ, in the .dwo reference and in coverage's file names. */
function namesOutput({ seen, splitDwarf, depfileTargets }: LineReading, depfile: DepfileRequest): boolean {
  if (depfile.kind === 'user' && depfileTargets === 0) return true;
  return splitDwarf !== 'no' || seen.has('coverage') || seen.has('names-output') || seen.has('profile-use');
}

function keyArgs(reading: LineReading, depfile: DepfileRequest): string[] {
  const output = namesOutput(reading, depfile);
  const included = { always: true, 'output-named': output, 'no-depfile': depfile.kind === 'none' };
  return reading.keyParts.filter((part) => included[part.when]).map((part) => part.text);
}

/** Clang writes bitcode under LTO, without an assembler; assembler text is assembled all the same. */
function runsAssembler({ family, externalAs, lto }: LineReading, language: Language): boolean {
  return externalAs && (family === 'gcc' || !lto || !isCompiled(language));
}

function columnsMatter({ seen }: LineReading, debug: boolean): boolean {
  const profiled = seen.has('names-output') || seen.has('profile-use');
  return debug || seen.has('columns') || seen.has('coverage') || profiled;
}
