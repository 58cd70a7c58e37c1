/**
 * The profiles a compile may read.
 *
 * `named` (clang): paths as an option gives them; a directory among them stands for no file, and what is not there was
 * not read.
 *
 * `derived` (gcc): one .gcda, whose `name` follows from the object's; `directory` is that of the last option with one.
 */
export type ProfileUse =
  | { readonly kind: 'named'; readonly paths: readonly string[] }
  | { readonly kind: 'derived'; readonly name: string; readonly directory: string | undefined };

/** clang's own name for a profile (clang 14), in the current directory or in the one that -fprofile-use names. */
const CLANG_DEFAULT = 'default.profdata';

/** What clang may open for `-fprofile-use=VALUE` and its relatives. */
export function clangProfiles(option: string, value: string): readonly string[] {
  if (value === '') return [CLANG_DEFAULT];
  return option.startsWith('-fprofile-use') ? [value, `${value}/${CLANG_DEFAULT}`] : [value];
}

/** True for a gcc whose names for profiles are known: other versions have other rules. Seen by strace with gcc 12. */
export function namesProfilesAsKnown(version: string): boolean {
  return /\bgcc version 12\./.test(version);
}

/**
 * Every profile that a compile may open, as it would be opened. `pwd` is the current directory as gcc calls it ($PWD,
 * where that is valid). Below a directory of profiles gcc names a file after its whole path, with `#` for a slash and
 * `^` for `..`; a path that was absolute before goes below as it is.
 */
export function profilesRead(profile: ProfileUse | undefined, pwd: string): readonly string[] {
  if (profile === undefined) return [];
  if (profile.kind === 'named') return profile.paths;
  const { name, directory } = profile;
  if (directory === undefined) return [name.startsWith('/') ? name : `${pwd}/${name}`];
  return [`${directory}/${name.startsWith('/') ? name : mangled(`${pwd}/${name}`)}`];
}

function mangled(path: string): string {
  const parts = path.split('/');
  return parts.map((part) => (part === '..' ? '^' : part)).join('#');
}
