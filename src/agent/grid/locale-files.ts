import type { FileStates } from '../file-state.ts';

/** The locale's name as the C library takes it for characters and messages; undefined for C. */
export function localeName(env: ReadonlyMap<string, string>): string | undefined {
  const all = env.get('LC_ALL');
  const names =
    (all ?? '') !== ''
      ? [all]
      : [env.get('LC_CTYPE') ?? '', env.get('LC_MESSAGES') ?? ''].map((name) => (name === '' ? env.get('LANG') : name));
  return names.find((name) => name !== undefined && name !== '' && name !== 'C' && name !== 'POSIX');
}

const LOCALES = '/usr/lib/locale';
/** The parts of a locale that decide what a message looks like. */
const CATEGORIES = [
  'LC_CTYPE',
  'LC_MESSAGES/SYS_LC_MESSAGES',
  'LC_IDENTIFICATION',
  'LC_COLLATE',
  'LC_NUMERIC',
  'LC_TIME',
  'LC_MONETARY',
  'LC_PAPER',
  'LC_NAME',
  'LC_ADDRESS',
  'LC_TELEPHONE',
  'LC_MEASUREMENT',
] as const;

/** By the locale's name: a build has one or two. */
const candidates = new Map<string, readonly string[]>();
const MOST_NAMES = 64;

/**
 * What the C library reads for the locale of a compile: without it gcc prints plain quotes where it prints curly ones
 * here.
 */
export function localeFiles(env: ReadonlyMap<string, string>, files: FileStates): readonly string[] {
  const name = localeName(env);
  if (name === undefined) return [];
  const known = candidates.get(name) ?? candidatesFor(name);
  if (candidates.size >= MOST_NAMES) candidates.clear();
  candidates.set(name, known);
  return known.filter((path) => files.stampOf(path)?.kind === 'file');
}

function candidatesFor(name: string): readonly string[] {
  const plain = name.replace(/\.(.*)$/, (_, charset: string) => `.${charset.toLowerCase().replaceAll('-', '')}`);
  const inDirectories = [name, plain].flatMap((directory) =>
    CATEGORIES.map((category) => `${LOCALES}/${directory}/${category}`),
  );
  return [...new Set([`${LOCALES}/locale-archive`, ...inDirectories])];
}
