import type { Family } from './invocation.ts';

/** Variables that reach the result of a compile, or decide which programs and libraries make it. */
const KEY_VARIABLES: ReadonlySet<string> = new Set([
  // Where headers are searched.
  'CPATH',
  'CPLUS_INCLUDE_PATH',
  'C_INCLUDE_PATH',
  'OBJC_INCLUDE_PATH',
  'OBJCPLUS_INCLUDE_PATH',
  'SDKROOT',
  // Where the driver finds its programs. (`PATH` decides `as`: the agent puts the program found into the key.)
  'BINUTILS_ROOT',
  'COMPILER_PATH',
  'G++_ROOT',
  'LIBRARY_PATH',
  'LPATH',
  // What the loader puts into the compiler.
  'GLIBC_TUNABLES',
  'LD_AUDIT',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
  // Language, spelling and encoding of diagnostics.
  'GCONV_PATH',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
  'LOCPATH',
  'NLSPATH',
  'NO_COLOR',
  'CLICOLOR_FORCE',
  'TERM_URLS',
  // The date in __DATE__, the deployment target, the order in which getopt takes the assembler's arguments.
  'MACOSX_DEPLOYMENT_TARGET',
  'POSIXLY_CORRECT',
  'SOURCE_DATE_EPOCH',
]);

/**
 * gcc's own: GCC_EXEC_PREFIX, GCC_COLORS, GCC_URLS, GCC_EXTRA_DIAGNOSTIC_OUTPUT and what later versions add.
 *
 * Not in the key: TERM and COLUMNS, which gcc and clang ask only when stderr is a terminal, while here the launcher
 * always stands between; TMPDIR, which reaches no output of a successful compile; PWD, which the agent keys apart
 * together with the directory itself; TZ, because __DATE__ without SOURCE_DATE_EPOCH is refused.
 */
const KEY_PREFIXES = ['GCC_'];

const CLANG_KEY_PREFIXES = ['CLANG_', 'CCC_', 'LLVM_'];

/** Variables that change the command line or the outputs in ways that are not modelled, for either family. */
const REFUSING: ReadonlySet<string> = new Set([
  // clang's assembler writes a log of its own.
  'AS_SECURE_LOG_FILE',
  'DEPENDENCIES_OUTPUT',
  'GCC_COMPARE_DEBUG',
  'OBJC_DEPENDENCIES_OUTPUT',
  'QA_OVERRIDE_GCC3_OPTIONS',
  'SUNPRO_DEPENDENCIES',
  // gcc's driver takes these for options of its children; it sets them itself and never unsets them.
  'COLLECT_AS_OPTIONS',
  'COLLECT_GCC_OPTIONS',
  // Apple's driver writes the command line into the debug information.
  'RC_DEBUG_OPTIONS',
]);

const REFUSING_PREFIXES = ['CC_LOG_DIAGNOSTICS', 'CC_PRINT_', 'CCC_ADD_ARGS', 'CCC_OVERRIDE_OPTIONS'];

/** Every variable and prefix above, for whoever must hand them over. */
export const ALL_VARIABLES: readonly string[] = [...KEY_VARIABLES, ...REFUSING];
export const ALL_PREFIXES: readonly string[] = [...KEY_PREFIXES, ...CLANG_KEY_PREFIXES, ...REFUSING_PREFIXES];

/** True for a variable that matters to some compile: what the launcher must hand over for the key. */
export function isCompilerVariable(name: string): boolean {
  return (
    KEY_VARIABLES.has(name) ||
    [...KEY_PREFIXES, ...CLANG_KEY_PREFIXES].some((prefix) => name.startsWith(prefix)) ||
    refuses(name)
  );
}

function refuses(name: string): boolean {
  return REFUSING.has(name) || REFUSING_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** The variables that belong into a compile's key, with their values, sorted by name. Set but empty is not unset. */
export function keyEnvironment(env: ReadonlyMap<string, string>, family: Family): [name: string, value: string][] {
  const prefixes = family === 'clang' ? [...KEY_PREFIXES, ...CLANG_KEY_PREFIXES] : KEY_PREFIXES;
  return [...env]
    .filter(([name]) => KEY_VARIABLES.has(name) || prefixes.some((prefix) => name.startsWith(prefix)))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The first variable, by name, under which nothing is cached (reason 'compiler-environment'). */
export function refusingVariable(env: ReadonlyMap<string, string>): string | undefined {
  return [...env.keys()].filter(refuses).sort()[0];
}
