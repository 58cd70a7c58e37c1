/**
 * Absolute paths without `.` and doubled slashes. `..` stays: after a symbolic link to a directory it does not lead
 * back, and resolving it on paper would name another file.
 */
export function absolutePath(cwd: string, path: string): string {
  return tidyPath(path.startsWith('/') ? path : `${cwd}/${path}`);
}

/** The same path without `/./`, `//` and a `/` or `/.` at its end. */
export function tidyPath(path: string): string {
  const tidy = path.includes('//') || path.includes('/.') ? path.replace(/\/(?:\.?\/)+/g, '/') : path;
  if (tidy.endsWith('/.')) return tidyPath(tidy.slice(0, -1));
  return tidy.endsWith('/') && tidy.length > 1 ? tidy.slice(0, -1) : tidy;
}

/** Everything before the last slash; '' for a file in the root directory. */
export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** Whether a relative name holds nothing {@link tidyPath} would take out (or may: `../` is left to it). */
export function isTidyName(name: string): boolean {
  return !name.includes('./') && !name.includes('//');
}

/** Everything behind the last slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
