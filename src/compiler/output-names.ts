import type { Family } from './invocation.ts';

/** The last component of a path. */
function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A path without the last suffix of its last component: `d/x.y.o` -> `d/x.y`, `d/.o` -> `d/`, `d/x` -> `d/x`. */
function stripSuffix(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot <= path.lastIndexOf('/') ? path : path.slice(0, dot);
}

/** As {@link stripSuffix}, but a name that begins with its only dot keeps it: `d/.o` -> `d/.o`. */
function stripSuffixNotAll(path: string): string {
  const stripped = stripSuffix(path);
  return stripped === '' || stripped.endsWith('/') ? path : stripped;
}

/** The main output without -o: in the current directory, named after the source. */
export function defaultOutput(source: string, extension: 'o' | 's'): string {
  return `${stripSuffixNotAll(baseName(source))}.${extension}`;
}

/** The depfile without -MF: named after the output if -o names one, else after the source, in the current directory. */
export function defaultDepfile(source: string, output: string | undefined): string {
  return output === undefined ? `${stripSuffixNotAll(baseName(source))}.d` : `${stripSuffix(output)}.d`;
}

/**
 * A side output (.dwo, .gcno, .su) of a compile: beside the output of -o, else in the current directory after the
 * source. For `-o .o` gcc 12 writes `.o.dwo`, clang 14 `.dwo`: seen.
 */
export function sideOutput(family: Family, source: string, output: string | undefined, extension: string): string {
  if (output === undefined) return `${stripSuffixNotAll(baseName(source))}.${extension}`;
  const stem = family === 'gcc' ? stripSuffixNotAll(output) : stripSuffix(output);
  return `${stem}.${extension}`;
}
