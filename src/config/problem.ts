import { forDisplay } from '../base/byte-string.ts';

/** Where in a file something stands. Line and column count from 1. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** Everything that can be wrong with the configuration. `path` is a byte string, the rest is text for a person. */
export type ConfigProblem =
  | { readonly kind: 'syntax'; readonly place: Place; readonly message: string }
  | {
      readonly kind: 'unknown-key';
      readonly place: Place;
      readonly key: string;
      readonly suggestion: string | undefined;
    }
  | { readonly kind: 'untrusted-key'; readonly place: Place; readonly key: string }
  | {
      readonly kind: 'bad-value';
      /** The file's place, or the name of the variable or flag. */
      readonly source: Place | string;
      readonly key: string;
      readonly value: string;
      readonly expected: string;
    }
  | { readonly kind: 'unreadable'; readonly path: string; readonly message: string }
  | { readonly kind: 'missing-file'; readonly path: string; readonly source: string }
  | { readonly kind: 'no-cache-directory' };

/** One line that names the thing and the remedy. */
export function describeProblem(problem: ConfigProblem): string {
  switch (problem.kind) {
    case 'syntax':
      return `${at(problem.place)}: ${problem.message}`;
    case 'unknown-key': {
      const hint = problem.suggestion === undefined ? '' : `; did you mean "${problem.suggestion}"?`;
      return `${at(problem.place)}: unknown key "${problem.key}"${hint}`;
    }
    case 'untrusted-key':
      return (
        `${at(problem.place)}: "${problem.key}" may not be set by a project's file, because it comes with the sources; ` +
        'set it in your own hybridgrid.yaml (`hgbuild config show` says where that is)'
      );
    case 'bad-value': {
      const where = typeof problem.source === 'string' ? problem.source : at(problem.source);
      return `${where}: "${problem.value}" is no value for ${problem.key}: expected ${problem.expected}`;
    }
    case 'unreadable':
      return `${forDisplay(problem.path)}: cannot be read: ${problem.message}`;
    case 'missing-file':
      return `${problem.source} names ${forDisplay(problem.path)}, which does not exist or cannot be reached`;
    case 'no-cache-directory':
      return 'there is no place for the cache: HOME and XDG_CACHE_HOME are not set; set HG_CACHE_DIR';
  }
}

function at(place: Place): string {
  return `${forDisplay(place.path)}:${place.line}:${place.column}`;
}
