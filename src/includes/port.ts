import type { FileScan } from './directives.ts';

/** What lies at a path, following symbolic links; 'other' is a device, pipe or socket. */
export type FileKind = 'file' | 'directory' | 'other' | 'absent';

/** The file system as the scanner sees it; the agent answers from its file-state memory, tests from a map. */
export interface FileView {
  /** What lies at an absolute path, following symbolic links; a path below a regular file is 'absent'. */
  kindOf(path: string): FileKind;
  /**
   * Whether a directory is there, can be read and has no entry `name` (a single component), not even a link to nothing.
   * Most lookups end here: without a path made, hashed and taken apart again for each they cost half.
   */
  lacks?(directory: string, name: string): boolean;
  /**
   * An object that stays the same as long as a directory has the same entries; undefined if that cannot be told. This and
   * the next are needed for lookups to be used again in later walks.
   */
  versionOf?(directory: string): object | undefined;
  /** Whether the last name of a path is a symbolic link: what lies there may change though its directory does not. */
  isLink?(path: string): boolean;
  /** The directives of a regular file, memoised by content; undefined if it cannot be read. */
  scan(path: string): FileScan | undefined;
  /**
   * Device and inode of what lies at a path, as any string equal for equal files; undefined if nothing is there.
   * Needed wherever one file has several names: gcc prints a system header under its shorter real path, clang prints
   * one name per inode. Without it a tree in which no file has two names is assumed.
   */
  identityOf?(path: string): string | undefined;
  /**
   * A number that is equal for equal files, and seldom for others: it spares asking for most identities, which takes ten times
   * as long.
   */
  inodeOf?(path: string): number | undefined;
  /**
   * An object that stays the same as long as nothing changes of what lies at a path, its identity and, if it counts, its
   * content; undefined if that cannot be told. Needed for whole walks to be used again.
   */
  stateOf?(path: string, contentCounts: boolean): object | undefined;
  /** Digest of a regular file's content. Needed to see equal files under `#pragma once`; see {@link FileScan.once}. */
  digestOf?(path: string): string | undefined;
}

/** The search list of one compile, in search order, as the compiler itself reports it. Absolute paths. */
export interface SearchList {
  /** Directories searched for "name" after the includer's own (-iquote). */
  readonly quote: readonly string[];
  /** Directories searched for <name>, and for "name" after `quote`. */
  readonly bracket: readonly string[];
  /** Directories that were named but do not exist: they must stay absent. */
  readonly missing: readonly string[];
  /**
   * Directories left out because another name of the same directory is in the list. The list holds only while every
   * directory in `quote`, `bracket` and `duplicate` keeps its device and inode.
   */
  readonly duplicate?: readonly string[];
}
