import { type KeyPart, type Occurrence, refuseOption } from './line-reading.ts';
import type { EffectName } from './option-table.ts';
import { isMacroOption, isPlainBackendOption } from './passed-options.ts';
import { clangProfiles } from './profile-data.ts';

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

/** What each effect notes about the line; what it means is decided when all of it is read. */
export const EFFECTS: Readonly<Record<EffectName, Handler>> = {
  key: keep,
  search: keepForSearch,
  tool: keepForTools,
  arch: (at) => {
    keepForSearch(at);
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
  },
  'no-split-dwarf': (at) => {
    keep(at);
    at.reading.splitDwarf = 'no';
  },
  columns: keep,
  'names-output': keep,
  coverage: keep,
  'stack-usage': keep,
  'no-side-output': keep,
  'extra-input': (at) => {
    keep(at);
    at.reading.extraInputs.push(at.value);
  },
  'profile-use': (at) => {
    keep(at);
    const value = at.value.replace(/^=/, '');
    if (at.reading.family === 'clang') at.reading.profiles.push(...clangProfiles(at.row[0], value));
    else if (value !== '') at.reading.profileDirectory = value;
  },
  'profile-directory': (at) => {
    keep(at);
    at.reading.seen.add('names-output');
    at.reading.profileDirectory = at.value;
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
