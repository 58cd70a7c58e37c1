import type { FileScan } from './directives.ts';

/** The file system as the scanner sees it; the agent answers from its file-state memory, tests from a map. */
export interface FileView {
  /** What lies at an absolute path, following symbolic links; 'other' is a device, pipe or socket. */
  kindOf(path: string): 'file' | 'directory' | 'other' | 'absent';
  /** The directives of a regular file, memoised by content; undefined if it cannot be read. */
  scan(path: string): FileScan | undefined;
}

/** The search list of one compile, in search order, as the compiler itself reports it. Absolute paths. */
export interface SearchList {
  /** Directories searched for "name" after the includer's own (-iquote). */
  readonly quote: readonly string[];
  /** Directories searched for <name>, and for "name" after `quote`. */
  readonly bracket: readonly string[];
  /** Directories that were named but do not exist: they must stay absent. */
  readonly missing: readonly string[];
}
