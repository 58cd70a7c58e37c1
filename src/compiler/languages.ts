import type { DriverMode, Family, Language } from './invocation.ts';

/** A header, of which a compile makes a precompiled one; 'header': of a language or kind of module the cache does not handle. */
export type HeaderKind = 'c-header' | 'c++-header' | 'header';

/**
 * What the compiler makes of an input: a language the cache handles, a header, a language the cache does not handle, or
 * something only the linker would read.
 */
export type InputKind = Language | HeaderKind | 'unsupported' | 'linker-input';

/** Extensions, in exact case, with their meaning in C mode. Both families agree on these (gcc 12, clang 14). */
const SHARED: Readonly<Record<string, InputKind>> = {
  C: 'c++',
  CPP: 'c++',
  H: 'c++-header',
  M: 'objective-c++',
  S: 'assembler-with-cpp',
  adb: 'unsupported',
  ads: 'unsupported',
  'c++': 'c++',
  c: 'c',
  cc: 'c++',
  cp: 'c++',
  cpp: 'c++',
  cxx: 'c++',
  f: 'unsupported',
  f90: 'unsupported',
  f95: 'unsupported',
  h: 'c-header',
  hh: 'c++-header',
  hpp: 'c++-header',
  hxx: 'c++-header',
  i: 'cpp-output',
  ii: 'c++-cpp-output',
  m: 'objective-c',
  mi: 'unsupported',
  mii: 'unsupported',
  mm: 'objective-c++',
  s: 'assembler',
};

const FAMILY: Readonly<Record<Family, Readonly<Record<string, InputKind>>>> = {
  gcc: {
    F: 'unsupported',
    F90: 'unsupported',
    F95: 'unsupported',
    'h++': 'c++-header',
    HPP: 'c++-header',
    brig: 'unsupported',
    d: 'unsupported',
    dd: 'unsupported',
    di: 'unsupported',
    go: 'unsupported',
    hp: 'c++-header',
    m2: 'unsupported',
    mod: 'unsupported',
    rs: 'unsupported',
    sx: 'assembler-with-cpp',
    tcc: 'c++-header',
  },
  clang: {
    'C++': 'c++',
    CC: 'c++',
    CXX: 'c++',
    asm: 'assembler',
    bc: 'unsupported',
    c3: 'unsupported',
    'c++m': 'unsupported',
    ccm: 'unsupported',
    cl: 'unsupported',
    cppm: 'unsupported',
    cu: 'unsupported',
    cui: 'unsupported',
    cxxm: 'unsupported',
    hip: 'unsupported',
    hlsl: 'unsupported',
    iim: 'unsupported',
    ixx: 'unsupported',
    ll: 'unsupported',
    pcm: 'unsupported',
    rs: 'unsupported',
  },
};

const X_LANGUAGES: Readonly<Record<string, InputKind>> = {
  assembler: 'assembler',
  'assembler-with-cpp': 'assembler-with-cpp',
  c: 'c',
  'c++': 'c++',
  'c++-cpp-output': 'c++-cpp-output',
  'c++-header': 'c++-header',
  'c++-system-header': 'header',
  'c++-user-header': 'header',
  'c-header': 'c-header',
  'cpp-output': 'cpp-output',
  'objective-c': 'objective-c',
  'objective-c++': 'objective-c++',
  'objective-c++-header': 'header',
  'objective-c-header': 'header',
};

/** g++ and clang++ read these C inputs as C++, and Objective-C as what it is. */
const AS_CXX: Readonly<Partial<Record<InputKind, InputKind>>> = {
  c: 'c++',
  'cpp-output': 'c++-cpp-output',
  'c-header': 'c++-header',
};

/** The extension: what follows the last dot of the last path component, if anything does. */
export function extensionOf(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1);
  const dot = base.lastIndexOf('.');
  return dot < 0 ? '' : base.slice(dot + 1);
}

/** What an input is by its name, in a driver's mode. */
export function kindByName(path: string, family: Family, mode: DriverMode): InputKind {
  const extension = extensionOf(path);
  const table = Object.hasOwn(SHARED, extension) ? SHARED : FAMILY[family];
  const kind = Object.hasOwn(table, extension) ? (table[extension] as InputKind) : 'linker-input';
  return mode === 'c++' ? (AS_CXX[kind] ?? kind) : kind;
}

/** What `-x NAME` makes of the inputs after it, whatever the driver's mode. */
export function kindByLanguage(name: string): InputKind {
  return Object.hasOwn(X_LANGUAGES, name) ? (X_LANGUAGES[name] as InputKind) : 'unsupported';
}

/** True for what a compile makes a precompiled header of. */
export function isHeader(kind: InputKind): kind is HeaderKind {
  return kind === 'c-header' || kind === 'c++-header' || kind === 'header';
}

/** True for the languages that are preprocessed and then read by the compiler proper. */
export function isSourceText(language: Language): boolean {
  return language === 'c' || language === 'c++' || isObjective(language);
}

/** True for Objective-C and Objective-C++, which gcc reads with programs of their own. */
export function isObjective(language: Language): boolean {
  return language === 'objective-c' || language === 'objective-c++';
}

/** True for the languages on which the preprocessor runs. */
export function isPreprocessed(language: Language): boolean {
  return isSourceText(language) || language === 'assembler-with-cpp';
}

/** True for the languages that the compiler proper reads (the others go to the assembler alone). */
export function isCompiled(language: Language): boolean {
  return language !== 'assembler' && language !== 'assembler-with-cpp';
}
