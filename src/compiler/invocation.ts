import type { Refusal } from '../base/refusal.ts';
import type { ProfileUse } from './profile-data.ts';

/** Which compiler's command-line dialect is spoken. Known from the driver's name, confirmed by asking it. */
export type Family = 'gcc' | 'clang';

/** What a driver makes of a `.c` file: `gcc` and `clang` say C, `g++` and `clang++` say C++. */
export type DriverMode = 'c' | 'c++';

/** Languages the cache handles, by their `-x` names. */
export type Language =
  | 'c'
  | 'c++'
  | 'objective-c'
  | 'objective-c++'
  | 'assembler'
  | 'assembler-with-cpp'
  | 'cpp-output'
  | 'c++-cpp-output';

/** One file a successful compile writes. `path` is as the compiler would open it (relative to cwd or absolute). */
export interface Output {
  readonly role: 'object' | 'assembly' | 'precompiled' | 'depfile' | 'dwo' | 'gcno' | 'su';
  readonly path: string;
  /** False where the compiler may well not write it (a `.dwo` without debug information in the unit). */
  readonly required: boolean;
}

/** Whether the user asked for a depfile, and what it lists. */
export type DepfileRequest =
  | { readonly kind: 'none' }
  | { readonly kind: 'user'; readonly path: string; readonly systemHeaders: boolean };

/** `-include` and `-imacros` in order, as spelled. */
export interface ForcedInclude {
  readonly option: '-include' | '-imacros';
  readonly name: string;
}

/**
 * One compile of one source to one object (or assembly file, or precompiled header), fully understood: every option is in the tables.
 * All strings are byte strings.
 */
export interface Invocation {
  readonly kind: 'compile';
  readonly family: Family;
  readonly mode: DriverMode;
  readonly language: Language;
  /** 'precompiled': a precompiled header is made of the source, which is a header. */
  readonly stage: 'object' | 'assembly' | 'precompiled';
  /** The source as spelled on the command line. */
  readonly source: string;
  /** The main output as the compiler would open it (spelled by -o, or the compiler's default name in cwd). */
  readonly output: string;
  /** Every file written, the main output first, then the depfile if any, then side outputs. */
  readonly outputs: readonly Output[];
  readonly depfile: DepfileRequest;
  /**
   * The arguments that decide the bytes of the outputs, in order; the source and pure output names are left out,
   * an output name that reaches the bytes (depfile target, .dwo name, coverage paths) is kept in.
   */
  readonly keyArgs: readonly string[];
  /** Arguments that decide where headers are searched and what target is compiled for: for `cc ARGS -v -E /dev/null`. */
  readonly searchArgs: readonly string[];
  /** Values of `-B`, `--sysroot`, `-m32` and the like that choose other programs (cc1, as): for `-print-prog-name`. */
  readonly toolArgs: readonly string[];
  readonly forcedIncludes: readonly ForcedInclude[];
  /** Files an option makes the compiler read beside source and headers (e.g. -fsanitize-ignorelist=FILE). */
  readonly extraInputs: readonly string[];
  /** The profiles that decide the code (-fprofile-use and its relatives), if any may. */
  readonly profile: ProfileUse | undefined;
  /** -march=native, -mtune=native, -mcpu=native: the machine's expansion belongs into the key. */
  readonly nativeArch: boolean;
  /** Debug information is produced (-g of any kind). */
  readonly debug: boolean;
  /**
   * The output records the whole command line, or may: add no option of ours (-frecord-gcc-switches and clang's like;
   * precompiled headers, which hold the list for a depfile if one is asked for).
   */
  readonly recordsCommandLine: boolean;
  /** The driver runs an external assembler of its own (gcc to an object; clang -fno-integrated-as). */
  readonly externalAssembler: boolean;
  /** The preprocessor runs (false for .i, .ii, .s). */
  readonly preprocesses: boolean;
  /**
   * How the command line chooses diagnostic colours; 'auto' leaves it to the terminal, and colour may be forced and
   * stripped. Also 'explicit' where a colour option would itself draw a warning (clang on plain assembler text).
   */
  readonly colour: 'auto' | 'explicit';
  /** Diagnostics, sanitizers or coverage put columns or comments into the result: a match of preprocessed text proves nothing. */
  readonly columnsMatter: boolean;
}

/** The line is no compile of a source at all (`--version`, `-print-...`, `-v` alone): run it, count nothing. */
export interface NotACompile {
  readonly kind: 'not-a-compile';
}

export type CommandLineMeaning = Invocation | Refusal | NotACompile;
