import type { Family, Invocation } from './invocation.ts';

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

/** A name without its suffix as gcc 12 and clang 14 take it for a stem: for `.o` gcc keeps `.o`, clang nothing. */
function stemOf(family: Family, path: string): string {
  return family === 'gcc' ? stripSuffixNotAll(path) : stripSuffix(path);
}

/** The main output without -o: in the current directory, named after the source; a precompiled header beside it. */
export function defaultOutput(family: Family, source: string, stage: Invocation['stage']): string {
  if (stage === 'precompiled') return `${source}.gch`;
  return `${stemOf(family, baseName(source))}.${stage === 'object' ? 'o' : 's'}`;
}

/** The depfile without -MF: named after the output if -o names one, else after the source, in the current directory. */
export function defaultDepfile(family: Family, source: string, output: string | undefined): string {
  return output === undefined ? `${stemOf(family, baseName(source))}.d` : `${stripSuffix(output)}.d`;
}

/** A side output (.dwo, .gcno, .su): beside the output of -o, else in the current directory after the source. */
export function sideOutput(family: Family, source: string, output: string | undefined, extension: string): string {
  return `${stemOf(family, output ?? baseName(source))}.${extension}`;
}
