import type { Invocation } from '../../compiler/invocation.ts';
import { isSourceText } from '../../compiler/languages.ts';
import type { Description } from '../describe.ts';
import { localeName } from './locale-files.ts';

/** Locales whose messages are the compiler's own English: no catalogue is read. */
const ENGLISH = /^(C|POSIX|en(_US)?)(\.|$)/;
const CHOOSES_PROGRAMS = ['COMPILER_PATH', 'GCC_EXEC_PREFIX', 'LIBRARY_PATH', 'LD_LIBRARY_PATH', 'LD_PRELOAD'] as const;

/** Why a compile cannot be sent away, by what is known before its files are looked at; undefined if it can. */
export function reasonToStay({ request, invocation, fields }: Description): string | undefined {
  const { env, cwd, args } = request;
  if (!isSourceText(invocation.language)) return 'language';
  // Tens of megabytes that no two runs write alike, for the use of one directory.
  if (invocation.stage === 'precompiled') return 'precompiled-header';
  // The record is of the words that the driver was given, and clang's are others elsewhere.
  if (invocation.nativeArch && invocation.family === 'clang' && invocation.recordsCommandLine) return 'native-arch';
  // clang reads lists of its own for sanitizers, which no scan sees.
  if (args.some((arg) => arg.startsWith('-fsanitize'))) return 'sanitizer';
  if (args.some((arg) => arg.startsWith('@'))) return 'response-file';
  if (invocation.extraInputs.length > 0) return 'extra-inputs';
  if (invocation.profile !== undefined) return 'profile';
  if (!areToolsSent(invocation)) return 'other-tools';
  // Another name of the directory, which reaches the debug information and would have to lead there elsewhere, too.
  if (fields.some(({ tag, value }) => tag === 'pwd' && value !== cwd)) return 'logical-directory';
  if (CHOOSES_PROGRAMS.some((name) => (env.get(name) ?? '') !== '')) return 'compiler-environment';
  const locale = localeName(env);
  if (locale !== undefined && !ENGLISH.test(locale)) return 'locale';
  // What lies there elsewhere is that machine's own.
  return /^\/(proc|dev|sys|tmp\/\.hg)(\/|$)/.test(cwd) ? 'directory' : undefined;
}

/**
 * Options that choose other programs and directories may lead to what is not sent. clang for another Linux is all in itself,
 * but for an assembler of its own, and finds headers by the gcc installations that are sent; for other systems it looks for
 * programs in PATH, or for what an SDK brings.
 */
function areToolsSent({ toolArgs, externalAssembler }: Invocation): boolean {
  const isTarget = (arg: string, i: number): boolean =>
    /^(--target=|(?!-))[\w.]+(-[\w.]+)*-linux(-\w+)?$/.test(arg) &&
    (arg.startsWith('-') || toolArgs[i - 1] === '-target');
  const isSent = (arg: string, i: number): boolean =>
    /^-m(32|64)$/.test(arg) || (!externalAssembler && (arg === '-target' || isTarget(arg, i)));
  return toolArgs.every(isSent);
}
