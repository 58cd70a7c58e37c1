/**
 * Real sources for the end-to-end tests, got once into a directory outside of the tree and never committed. RE2 with
 * abseil comes out of an npm tarball, so any machine that could install the project can have it; redis and Lua are
 * Debian source packages, fetched only by `make sources` and `.ci/run` because tests never call apt.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type SourceName = 're2' | 'redis' | 'lua5.4';

/** Pinned: 1.24.0 is the version whose tarball carries RE2 and abseil with 183 files that compile without more. */
const RE2_PACKAGE = 're2@1.24.0';
const RE2_SHA512 = 'pBm6cMaOb0Yb0kg0Sfw/k4LwDMkPScb/NVd7GrEllDwfsPZstsZIo93A6Nn0wZuWJw3h57GdzkrOk81EofKY/g==';

/** `~/.cache/hybridgrid-testbed`, or below XDG_CACHE_HOME. */
export function sourcesDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hybridgrid-testbed');
}

/** Where a source lies unpacked and untouched, or `undefined` when it is not there yet. Tests copy it. */
export function findSource(name: SourceName): string | undefined {
  const directory = join(sourcesDir(), name);
  return existsSync(join(directory, '.complete')) ? directory : undefined;
}

function must(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** Unpacks beside the final place and renames, so that an interrupted fetch never looks complete. */
function install(name: SourceName, tarball: string, strip: number, scratch: string): string {
  const tree = join(scratch, 'tree');
  mkdirSync(tree);
  must('tar', ['xf', tarball, '-C', tree, `--strip-components=${strip}`, '--no-same-owner'], scratch);
  must('touch', [join(tree, '.complete')], scratch);
  const final = join(sourcesDir(), name);
  rmSync(final, { recursive: true, force: true });
  renameSync(tree, final);
  return final;
}

function withScratch<T>(work: (scratch: string) => T): T {
  mkdirSync(sourcesDir(), { recursive: true });
  const scratch = mkdtempSync(join(sourcesDir(), 'fetch-'));
  try {
    return work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** RE2 and abseil from npm, checked against the pinned digest. */
export function fetchRe2(): string {
  const have = findSource('re2');
  if (have !== undefined) return have;
  return withScratch((scratch) => {
    must(
      'npm',
      ['pack', RE2_PACKAGE, '--loglevel=error', '--ignore-scripts', `--pack-destination=${scratch}`],
      scratch,
    );
    const tarball = readdirSync(scratch).find((file) => file.endsWith('.tgz'));
    if (tarball === undefined) throw new Error(`npm pack ${RE2_PACKAGE} left no tarball`);
    const digest = createHash('sha512')
      .update(readFileSync(join(scratch, tarball)))
      .digest('base64');
    if (digest !== RE2_SHA512) throw new Error(`${RE2_PACKAGE} is not the pinned tarball: sha512 ${digest}`);
    return install('re2', join(scratch, tarball), 1, scratch);
  });
}

/**
 * The machine's own package sources, as source packages, written below `directory` for a private apt: /etc/apt is
 * only read. Both formats are understood, the one-line `.list` and the deb822 `.sources`.
 */
function privateSourceLists(directory: string): void {
  const awk = [
    'for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do [ -f "$f" ] || continue',
    `sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]/deb-src /p' "$f"; done | sort -u > '${directory}/all.list'`,
    'for f in /etc/apt/sources.list.d/*.sources; do [ -f "$f" ] || continue',
    `sed -E 's/^Types:.*/Types: deb-src/' "$f" > '${directory}/'"$(basename "$f")"; done`,
  ];
  must('bash', ['-c', awk.join('\n')], directory);
}

/** Downloads the upstream tarball of a Debian source package; needs apt, changes nothing outside of the scratch. */
export function fetchDebianSource(name: Exclude<SourceName, 're2'>): string {
  const have = findSource(name);
  if (have !== undefined) return have;
  return withScratch((scratch) => {
    for (const part of ['lists/partial', 'archives/partial', 'parts', 'download'])
      mkdirSync(join(scratch, part), { recursive: true });
    privateSourceLists(join(scratch, 'parts'));
    const options = Object.entries({
      'Dir::Etc::SourceList': '/dev/null',
      'Dir::Etc::SourceParts': join(scratch, 'parts'),
      'Dir::State::Lists': join(scratch, 'lists'),
      'Dir::Cache': scratch,
      'Dir::Cache::Archives': join(scratch, 'archives'),
      'APT::Sandbox::User': 'root',
    }).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
    must('apt-get', [...options, '-q', 'update'], scratch);
    must('apt-get', [...options, '-q', 'source', '--download-only', name], join(scratch, 'download'));
    const tarball = readdirSync(join(scratch, 'download')).find((file) => /\.orig\.tar\.\w+$/.test(file));
    if (tarball === undefined) throw new Error(`apt-get source ${name} left no upstream tarball`);
    return install(name, join(scratch, 'download', tarball), 1, scratch);
  });
}

/** A fresh copy to build in; times are kept, as a checkout that has been lying there would have them. */
export function copySource(name: SourceName, to: string): void {
  const from = findSource(name);
  if (from === undefined) throw new Error(`the source of ${name} is not there`);
  mkdirSync(to, { recursive: true });
  must('cp', ['-a', '--reflink=auto', `${from}/.`, to], to);
}
