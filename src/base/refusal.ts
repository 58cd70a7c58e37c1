/**
 * Every reason for which a compile is handed to the plain compiler without being cached. A refusal is an ordinary
 * answer, never an error: the build goes on, the reason is counted under its name and shown by `hgbuild stats`, `-v`
 * and `hgbuild explain`. Names are stored in statistics files: they may only be added to.
 */
export const REFUSALS = {
  // The command line.
  'unknown-option': 'an option that is not in the tables of the compiler model',
  'unsupported-option': 'an option known to read or write what the cache cannot account for',
  'unsupported-language': 'a language the cache does not handle (Fortran, CUDA, ...)',
  'no-source': 'no source file on the command line',
  'several-sources': 'more than one source file in one call',
  'stdin-source': 'the source comes from standard input',
  'output-to-stdout': 'the output goes to standard output',
  link: 'the call links, or compiles and links in one step',
  'preprocess-only': 'the call only preprocesses (-E, -M, -MM)',
  'syntax-only': 'the call only checks syntax (-fsyntax-only)',
  'precompiled-header':
    'the call creates a precompiled header in a way that is not cached: not by gcc 12, or with more than a depfile beside it',
  modules: 'C++ modules or Clang modules',
  'save-temps': 'intermediate files are kept (-save-temps)',
  'profile-use': 'the compile reads a profile, and which file that is is not known (-fauto-profile and friends)',
  plugin: 'a compiler plugin is loaded',
  specs: 'a specs file changes the compiler driver',
  'response-file': 'a response file that cannot be read or nests too deep',
  'compiler-environment': 'an environment variable changes the command line or the outputs in ways not modelled',
  // The compiler.
  'not-a-compiler': 'the program is not a gcc or clang driver',
  'compiler-is-script': 'the compiler is a script or a wrapper, whose behaviour its own bytes do not decide',
  'compiler-unknown': 'asking the compiler about itself failed',
  // The inputs.
  'time-macro': '__DATE__, __TIME__ or __TIMESTAMP__ in an input',
  incbin: 'an input includes binary data through the assembler (.incbin, .include)',
  embed: '#embed in an input',
  'computed-include': 'an #include or __has_include whose operand cannot be computed without compiling',
  'precompiled-header-used': 'a precompiled header may be used whose part in the result cannot be told',
  'identical-headers': 'two input files with equal bytes and #pragma once or #import: which one wins depends on times',
  'input-changed': 'an input changed during the compile, or too shortly before to be sure',
  'input-unreadable': 'an input named by the compiler cannot be read',
  'scan-incomplete': 'the compiler read a file that the include scanner did not see',
  'special-input': 'an input is no regular file',
  'input-too-large': 'more inputs than a manifest holds',
  // The outputs.
  'special-output': 'an output is no regular file (a device, a pipe)',
  'output-missing': 'the compiler succeeded without an expected output',
  'output-too-large': 'the outputs or the diagnostics are larger than the cache takes',
  // The circumstances.
  disabled: 'caching is switched off by the configuration',
  'bad-config': 'the configuration has errors; `hgbuild config check` names them',
  'read-only': 'the cache is read-only by the configuration and had no answer',
  'cache-unwritable': 'the cache directory cannot be written (permissions, full disk)',
  'no-fallback': 'the grid did not do it, and grid.fallback: false forbids to do it here',
  internal: 'an error inside the agent; its log says more',
} as const satisfies Record<string, string>;

export type RefusalReason = keyof typeof REFUSALS;

/** Reasons that say the call compiles nothing that could be kept: counted by name, but no compile that was refused. */
export const NO_COMPILES: ReadonlySet<string> = new Set<RefusalReason>(['link', 'preprocess-only', 'no-source']);

/** Why a compile was not cached, and on what: `detail` is the option, file or variable (a byte string). */
export interface Refusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly detail: string;
}

export function refuse(reason: RefusalReason, detail = ''): Refusal {
  return { kind: 'refused', reason, detail };
}
