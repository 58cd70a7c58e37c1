/**
 * What `native` means on one machine, in words that another machine can compile with: the object is then the one that the
 * first machine would have made, whatever the processor of the second.
 */

/** What gcc's driver makes of it: words of the compiler proper. */
export interface GccNative {
  readonly family: 'gcc';
  /** In place of -march=native. */
  readonly arch: readonly string[];
  /** In place of -mtune=native, and of -march=native where nothing else says what to tune for. */
  readonly tune: readonly string[];
}

/** What clang's driver makes of it. */
export interface ClangNative {
  readonly family: 'clang';
  /** Name of the processor. */
  readonly cpu: string;
  /** All features of the target in order: `+NAME` or `-NAME`. Empty where only the tuning is native. */
  readonly features: readonly string[];
}

export type NativeCpu = GccNative | ClangNative;

/** More words than any processor has features: gcc 12 makes 96 of it, clang 14 sends 88 features. */
const MAX_WORDS = 1000;
/** gcc's driver reads these as parts of a language that can run programs: nothing of its signs is let through. */
const GCC_WORD = /^-m[a-z0-9][a-z0-9._-]{0,62}(?:=[a-z0-9][a-z0-9._-]{0,62})?$/;
const GCC_PARAM = /^[a-z0-9][a-z0-9-]{0,62}=\d{1,10}$/;
const CLANG_CPU = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const CLANG_FEATURE = /^[+-][a-z0-9][a-z0-9._-]{0,62}$/;

/** Is it nothing but names of processors, features and numbers? Whatever comes from elsewhere must be asked this. */
export function isPlainNative(native: NativeCpu): boolean {
  if (native.family === 'clang')
    return (
      native.features.length <= MAX_WORDS &&
      CLANG_CPU.test(native.cpu) &&
      native.cpu !== 'native' &&
      native.features.every((feature) => CLANG_FEATURE.test(feature))
    );
  return areGccWords(native.arch) && areGccWords(native.tune);
}

function areGccWords(words: readonly string[]): boolean {
  if (words.length === 0 || words.length > MAX_WORDS) return false;
  return words.every((word, i) => {
    if (words[i - 1] === '--param') return GCC_PARAM.test(word);
    if (word === '--param') return i + 1 < words.length;
    return GCC_WORD.test(word) && !word.endsWith('=native');
  });
}

/**
 * gcc's own rule for `native` (CC1_CPU_SPEC in its config/i386/i386.h), with these words instead of a look at the
 * processor. The options stay on the command line as they are and this file is recorded nowhere, so that even debug
 * information, which holds the options in their order, is equal.
 */
export function nativeSpecs({ arch, tune }: GccNative): string {
  const tuned = `%>mtune=native ${tune.join(' ')}`;
  const whole = `%{march=native:%>march=native ${arch.join(' ')} %{!mtune=*:${tuned}}} %{mtune=native:${tuned}}`;
  return `*cc1_cpu:\n${whole}\n\n`;
}

/**
 * A command line of clang with these words instead of `native`. Not for one that {@link asksOtherwise}.
 */
export function withNativeNamed(args: readonly string[], { cpu, features }: ClangNative): readonly string[] {
  const named = args.map((arg) => (isNativeOption(arg) ? arg.replace(/native$/, cpu) : arg));
  const at = args.findIndex(isNativeOption);
  if (at < 0) return args;
  const words = features.flatMap((feature) => ['-Xclang', '-target-feature', '-Xclang', feature]);
  return [...named.slice(0, at), ...words, ...named.slice(at)];
}

/** Does a line ask for the native processor by another option? On x86 clang warns of -mcpu and names what it was given. */
export function asksOtherwise(args: readonly string[]): boolean {
  return args.some((arg) => /^--?m.*=native$/.test(arg) && !isNativeOption(arg));
}

function isNativeOption(arg: string): boolean {
  return arg === '-march=native' || arg === '-mtune=native';
}
