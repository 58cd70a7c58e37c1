/**
 * The oracle: the same script is run with the plain compilers and with links to the launcher first in PATH, in the
 * same directory, and everything that can be seen afterwards must be the same: exit status, stdout, stderr, files.
 */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { type Bed, LAUNCHER } from './environment.ts';
import { type Ended, run } from './run.ts';
import { readTree, type Tree, treeDifferences } from './tree.ts';

const HOST_COMPILERS = ['gcc', 'g++', 'cc', 'c++', 'clang', 'clang++', 'gcc-12', 'g++-12'];
const CROSS_COMPILERS = ['aarch64-linux-gnu', 'x86_64-w64-mingw32'].flatMap((triple) => [
  `${triple}-gcc`,
  `${triple}-g++`,
]);
const MASQUERADED = [...HOST_COMPILERS, ...CROSS_COMPILERS];

/** A directory of links named like compilers; first in PATH it makes any build use the cache. */
export function makeLinks(bed: Bed): string {
  const links = join(bed.root, 'links');
  mkdirSync(links, { recursive: true });
  for (const name of MASQUERADED) {
    rmSync(join(links, name), { force: true });
    symlinkSync(LAUNCHER, join(links, name));
  }
  return links;
}

export type Files = Readonly<Record<string, string | Buffer>>;

/** What one run showed to the world. */
export interface Seen {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tree: Tree;
}

export interface TwinOptions {
  /** Files laid into the directory before each run. */
  readonly files: Files;
  /** A bash script; compilers by their plain names. */
  readonly script: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How many cached compiles a warm run must show; 0: the script must run without any. Absent: not checked. */
  readonly hits?: number;
  readonly timeoutMs?: number;
  /** Runs after each run, in the directory: for what has to be looked at before it is compared. */
  readonly adjust?: (seen: Seen) => Seen;
}

export function layFiles(directory: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

function emptied(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
}

/** Runs a script in the bed's work directory, through the links or plainly. */
export function runScript(
  bed: Bed,
  script: string,
  how: 'plain' | 'cached',
  options: Partial<TwinOptions> = {},
): Promise<Ended> {
  const path = how === 'plain' ? bed.env.PATH : `${makeLinks(bed)}:${bed.env.PATH}`;
  const env = { ...bed.env, ...options.env, PATH: path };
  return run(['bash', '--norc', '-c', script], { cwd: bed.work, env, timeoutMs: options.timeoutMs ?? 60_000 });
}

async function see(bed: Bed, how: 'plain' | 'cached', options: TwinOptions): Promise<Seen> {
  emptied(bed.work);
  layFiles(bed.work, options.files);
  // A source as old as the compile itself is rightly not stored: clocks of file systems tick in milliseconds.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { status, signal, stdout, stderr } = await runScript(bed, options.script, how, options);
  const seen = {
    status,
    signal,
    stdout: stdout.toString('latin1'),
    stderr: withoutRandomNames(stderr.toString('latin1')),
    tree: readTree(bed.work),
  };
  return options.adjust === undefined ? seen : options.adjust(seen);
}

/** Names that the compiler draws at random for its temporary files, and prints when the assembler complains. */
function withoutRandomNames(text: string): string {
  return text.replaceAll(/\/cc[A-Za-z0-9]{6}(?=\.[a-z]+\b)/g, '/ccRANDOM');
}

export function expectSame(expected: Seen, found: Seen, when: string): void {
  expect(treeDifferences(expected.tree, found.tree), `${when}: files`).toEqual([]);
  const { tree: _expectedTree, ...expectedRest } = expected;
  const { tree: _foundTree, ...foundRest } = found;
  expect(foundRest, when).toEqual(expectedRest);
}

const countHits = (stderr: string): number => stderr.split('\n').filter((line) => line.startsWith('[hit]')).length;

/**
 * Plain, cold, warm: all three alike. Then, where asked, the number of hits of a talking run; a file written a moment
 * ago is rightly not trusted at once, so that run is repeated for a few seconds before it counts as failed.
 */
export async function expectTwin(bed: Bed, options: TwinOptions): Promise<Seen> {
  const plain = await see(bed, 'plain', options);
  expectSame(plain, await see(bed, 'cached', options), 'cold');
  expectSame(plain, await see(bed, 'cached', options), 'warm');
  if (options.hits === undefined) return plain;
  const talking = { ...options, env: { ...options.env, HG_VERBOSE: '1' } };
  let stderr = '';
  for (let attempt = 0; attempt < 4; attempt += 1) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 500));
    ({ stderr } = await see(bed, 'cached', talking));
    if (countHits(stderr) >= options.hits) break;
  }
  expect(countHits(stderr), `hits in a talking run:\n${stderr}`).toBe(options.hits);
  return plain;
}
