import { type Digest, sha256 } from '../base/digest.ts';
import type { FileStates } from './file-state.ts';

/**
 * clang takes libstdc++'s headers from the newest gcc installation it finds, so that installing another gcc changes what
 * clang++ reads, though nothing of clang itself changed. What it found is a matter of names in a few directories.
 */
export interface GccInstallations {
  /** Directories whose names decide, by their real paths, with digests of the names. */
  readonly directories: readonly NamedDirectory[];
  /** Where such directories would be looked for, were they there. */
  readonly absent: readonly string[];
}

export interface NamedDirectory {
  readonly path: string;
  /** Digest of the sorted names in it. */
  readonly names: Digest;
}

const CANDIDATE = /^Found candidate GCC installation: (.+)$/gm;
/** Below the installation prefix and below /usr (clang 14, GCCInstallationDetector::init). */
const ROOTS = ['lib/gcc', 'lib/gcc-cross', 'lib64/gcc', 'lib32/gcc'];

/** What `clang -v`, run in `cwd`, says about it. */
export function gccInstallations(versionText: string, cwd: string, files: FileStates): GccInstallations {
  const installed = /^InstalledDir: (.+)$/m.exec(versionText)?.[1];
  const prefixes = new Set(['/usr', ...(installed === undefined ? [] : [`${installed}/..`])]);
  const roots = [...prefixes].flatMap((prefix) => ROOTS.map((root) => `${prefix}/${root}`));
  const targets = Array.from(
    versionText.matchAll(CANDIDATE),
    ([, path = '']) => `${path.startsWith('/') ? path : `${cwd}/${path}`}/..`,
  );
  const known = [...roots, ...targets].map((path) => files.realPathOf(path));
  const directories = [...new Set(known)].flatMap((path) => {
    const names = path === undefined ? undefined : namesIn(path, files);
    return path === undefined || names === undefined ? [] : [{ path, names }];
  });
  return { directories, absent: roots.filter((path) => files.stampOf(path) === undefined) };
}

/** Digest of the names in a directory; undefined if it cannot be read. */
export function namesIn(path: string, files: FileStates): Digest | undefined {
  const names = files.listingOf(path)?.names;
  return names === undefined ? undefined : sha256([...names].sort().join('\0'));
}

/** The files by which clang knows a gcc installation when it looks through these directories. */
export function installationMarks(directories: readonly NamedDirectory[], files: FileStates): readonly string[] {
  return directories
    .flatMap(({ path }) => Array.from(files.listingOf(path)?.names ?? [], (name) => `${path}/${name}/crtbegin.o`))
    .filter((path) => files.stampOf(path)?.kind === 'file');
}
