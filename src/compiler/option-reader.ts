import { type Refusal, refuse } from '../base/refusal.ts';
import type { DriverMode, Family, ForcedInclude } from './invocation.ts';
import { type InputKind, kindByLanguage, kindByName } from './languages.ts';
import { type EffectName, findOption, type OptionRow } from './option-table.ts';
import { OPTION_TABLES } from './option-tables.ts';
import { isMacroOption, isPlainBackendOption, unsafeAssemblerOption, unsafeFrontendOption } from './passed-options.ts';

/** One input named on the line, with what the compiler takes it for. */
export interface Input {
  readonly name: string;
  readonly kind: InputKind;
}

/** An argument that is part of the key always, or only when the named thing reaches the bytes. */
interface KeyPart {
  readonly text: string;
  readonly when: 'always' | 'output-named' | 'no-depfile';
}

/** Everything the line says, in the order it was said; nothing is decided yet. */
export interface LineReading {
  readonly family: Family;
  readonly mode: DriverMode;
  readonly inputs: Input[];
  readonly keyParts: KeyPart[];
  readonly refusals: Refusal[];
  readonly outputs: string[];
  readonly search: string[];
  readonly tool: string[];
  readonly forcedIncludes: ForcedInclude[];
  readonly extraInputs: string[];
  readonly frontend: string[];
  readonly assembler: string[];
  readonly depfilePaths: string[];
  /** What each occurrence asked for; `passed` came through -Wp, which names the file itself. */
  readonly depfileRequests: { readonly systemHeaders: boolean; readonly passed: boolean }[];
  /** Effects that were seen at least once. */
  readonly seen: Set<EffectName>;
  depfileTargets: number;
  language: string | undefined;
  splitDwarf: 'no' | 'yes' | 'single';
  debug: boolean;
  nativeArch: boolean;
  externalAs: boolean;
  lto: boolean;
  colour: 'auto' | 'explicit';
  endOfOptions: boolean;
}

interface Occurrence {
  readonly reading: LineReading;
  readonly row: OptionRow;
  /** The value, glued or separate; empty for a flag. */
  readonly value: string;
  /** The arguments as spelled: one, or two when the value was separate. */
  readonly spelled: readonly string[];
}

function startReading(family: Family, mode: DriverMode): LineReading {
  return {
    family,
    mode,
    inputs: [],
    keyParts: [],
    refusals: [],
    outputs: [],
    search: [],
    tool: [],
    forcedIncludes: [],
    extraInputs: [],
    frontend: [],
    assembler: [],
    depfilePaths: [],
    depfileRequests: [],
    seen: new Set(),
    depfileTargets: 0,
    language: undefined,
    splitDwarf: 'no',
    debug: false,
    nativeArch: false,
    externalAs: family === 'gcc',
    lto: false,
    colour: 'auto',
    endOfOptions: false,
  };
}

/** Reads a whole line. `args` are the arguments after the compiler's name, response files already expanded. */
export function readLine(family: Family, mode: DriverMode, args: readonly string[]): LineReading {
  const reading = startReading(family, mode);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (reading.endOfOptions || !arg.startsWith('-') || arg === '-') readInput(reading, arg);
    else i += readOption(reading, arg, args[i + 1]);
  }
  const unsafe = unsafeFrontendOption(reading.frontend);
  if (unsafe !== undefined) refuseOption(reading, `-Xclang ${unsafe}`);
  const unsafeAs = unsafeAssemblerOption(reading.assembler);
  if (unsafeAs !== undefined) refuseOption(reading, `-Wa,${unsafeAs}`);
  return reading;
}

function readInput(reading: LineReading, name: string): void {
  const { family, mode, language } = reading;
  if (name.startsWith('@')) reading.refusals.push(refuse('response-file', name));
  const kind = language === undefined ? kindByName(name, family, mode) : kindByLanguage(language);
  reading.inputs.push({ name, kind });
}

/** Reads one option; returns how many further arguments it took. */
function readOption(reading: LineReading, arg: string, next: string | undefined): 0 | 1 {
  const found = findOption(OPTION_TABLES[reading.family], arg);
  if (found === undefined) {
    reading.refusals.push(refuse('unknown-option', arg));
    return 0;
  }
  const { row, glued } = found;
  const separate = row[1] !== 'flag' && glued === undefined;
  if (separate && next === undefined) {
    refuseOption(reading, arg);
    return 0;
  }
  const spelled = separate ? [arg, next as string] : [arg];
  const effect = row[2];
  if (typeof effect === 'object') reading.refusals.push(refuse(effect.refuse, arg));
  else {
    reading.seen.add(effect);
    EFFECTS[effect]({ reading, row, value: glued ?? (separate ? (next as string) : ''), spelled });
  }
  return separate ? 1 : 0;
}

function refuseOption(reading: LineReading, detail: string): void {
  reading.refusals.push(refuse('unsupported-option', detail));
}

function keep({ reading, spelled }: Occurrence, when: KeyPart['when'] = 'always'): void {
  for (const text of spelled) reading.keyParts.push({ text, when });
}

function keepForSearch(at: Occurrence): void {
  keep(at);
  at.reading.search.push(...at.spelled);
}

function keepForTools(at: Occurrence): void {
  keepForSearch(at);
  at.reading.tool.push(...at.spelled);
}

function requestDepfile(at: Occurrence, systemHeaders: boolean): void {
  keep(at);
  at.reading.depfileRequests.push({ systemHeaders, passed: false });
}

/** `-Wp,-MD,FILE` is how Kbuild-like makefiles ask for a depfile; macros are the other common use. */
function readPreprocessorList(at: Occurrence): void {
  const parts = at.value.split(',');
  const [first, path] = parts;
  if ((first === '-MD' || first === '-MMD') && path !== undefined && parts.length === 2) {
    at.reading.depfileRequests.push({ systemHeaders: first === '-MD', passed: true });
    at.reading.depfilePaths.push(path);
    at.reading.keyParts.push({ text: `-Wp,${first}`, when: 'always' });
    keep(at, 'no-depfile');
  } else if (parts.every(isMacroOption)) keep(at);
  else refuseOption(at.reading, at.spelled[0] as string);
}

/** Encodings in which every ASCII byte stands for itself, so that directives can be found by their bytes. */
const ASCII_CHARSET = /^(?:utf-?8|us-?ascii|ascii|latin-?1|iso[-_]?8859-\d+|(?:cp|windows-)125\d|koi8-[ru])$/i;

/** Formats that go to stderr; others write a file of their own. */
const DIAGNOSTICS_TO_STDERR = new Set([
  'text',
  'json',
  'json-stderr',
  'sarif-stderr',
  'clang',
  'msvc',
  'vi',
  'sarif',
  'SARIF',
]);

type Handler = (at: Occurrence) => void;

const EFFECTS: Readonly<Record<EffectName, Handler>> = {
  key: keep,
  search: keepForSearch,
  tool: keepForTools,
  arch: (at) => {
    keepForTools(at);
    if (at.value === 'native') at.reading.nativeArch = true;
  },
  debug: (at) => {
    keep(at);
    at.reading.debug = true;
  },
  'no-debug': (at) => {
    keep(at);
    // -gtoggle turns debug information on wherever it stands; then no -g0 is believed.
    at.reading.debug = at.reading.keyParts.some((part) => part.text === '-gtoggle');
  },
  'split-dwarf': (at) => {
    keep(at);
    at.reading.splitDwarf = at.value === 'single' ? 'single' : 'yes';
    at.reading.debug = true;
  },
  'no-split-dwarf': (at) => {
    keep(at);
    at.reading.splitDwarf = 'no';
  },
  columns: keep,
  'names-output': keep,
  coverage: keep,
  'stack-usage': keep,
  'extra-input': (at) => {
    keep(at);
    at.reading.extraInputs.push(at.value);
  },
  records: keep,
  lto: (at) => {
    keep(at);
    at.reading.lto = true;
  },
  'no-lto': (at) => {
    keep(at);
    at.reading.lto = false;
  },
  'integrated-as': (at) => {
    keep(at);
    at.reading.externalAs = at.reading.family === 'gcc';
  },
  'external-as': (at) => {
    keep(at);
    at.reading.externalAs = true;
  },
  'colour-explicit': (at) => {
    keep(at);
    at.reading.colour = 'explicit';
  },
  'colour-auto': (at) => {
    keep(at);
    at.reading.colour = 'auto';
  },
  'forced-include': (at) => {
    keep(at);
    const option = at.row[0].includes('imacros') ? '-imacros' : '-include';
    at.reading.forcedIncludes.push({ option, name: at.value });
  },
  output: (at) => {
    keep(at, 'output-named');
    at.reading.outputs.push(at.value);
  },
  object: keep,
  assembly: keep,
  preprocess: keep,
  syntax: keep,
  query: keep,
  verbose: keep,
  language: (at) => {
    keep(at);
    at.reading.language = at.value === 'none' ? undefined : at.value;
  },
  'depfile-all': (at) => requestDepfile(at, true),
  'depfile-user': (at) => requestDepfile(at, false),
  'depfile-path': (at) => {
    keep(at, 'no-depfile');
    at.reading.depfilePaths.push(at.value);
  },
  'depfile-target': (at) => {
    keep(at);
    at.reading.depfileTargets++;
  },
  'pass-assembler': (at) => {
    keep(at);
    at.reading.assembler.push(at.value);
  },
  'pass-assembler-list': (at) => {
    keep(at);
    at.reading.assembler.push(...at.value.split(','));
  },
  'pass-preprocessor': (at) => {
    keep(at);
    if (!isMacroOption(at.value) && at.value !== '-fopenmp') refuseOption(at.reading, at.spelled.join(' '));
  },
  'pass-preprocessor-list': readPreprocessorList,
  'pass-frontend': (at) => {
    keep(at);
    at.reading.frontend.push(at.value);
  },
  'pass-backend': (at) => {
    keep(at);
    if (!isPlainBackendOption(at.value)) refuseOption(at.reading, at.spelled.join(' '));
  },
  charset: (at) => {
    keep(at);
    if (!ASCII_CHARSET.test(at.value)) refuseOption(at.reading, at.spelled.join(' '));
  },
  'diagnostics-format': (at) => {
    keep(at);
    at.reading.seen.add('columns');
    if (!DIAGNOSTICS_TO_STDERR.has(at.value)) refuseOption(at.reading, at.spelled.join(' '));
  },
  'end-of-options': (at) => {
    at.reading.endOfOptions = true;
  },
};
