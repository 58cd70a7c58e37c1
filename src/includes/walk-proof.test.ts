import { spawnSync } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { absolutePath, tidyPath } from './paths.ts';
import { type Chance, chance, type RandomTree, randomTree } from './testing/random-tree.ts';
import { diskView, filesRead, inputFor, run, type Setting, searchListOf } from './testing/real-compiler.ts';
import { inTree, put } from './testing/tree.ts';
import { type Walk, type WalkInput, walk } from './walk.ts';

/** How much chance to try: HG_FUZZ=20 runs twenty times as many trees. HG_SEED starts elsewhere. */
const SCALE = Number(process.env.HG_FUZZ ?? 1);
const SEED = Number(process.env.HG_SEED ?? 1);
const TREES = 8 * SCALE;
const COMPILERS = [
  ['gcc', 'c'],
  ['g++', 'c++'],
  ['clang', 'c'],
  ['clang++', 'c++'],
] as const;

interface Proven {
  readonly seed: number;
  readonly tree: RandomTree;
  readonly setting: Setting;
  readonly input: WalkInput;
  readonly result: Walk;
}

/** Walks the random trees that compile, with the compiler's own list; the rest (a header missing) prove nothing. */
function overTrees(
  compiler: Setting['compiler'],
  language: Setting['language'],
  body: (proven: Proven) => void,
): number {
  let [trees, walked] = [0, 0];
  for (let seed = SEED; trees < TREES && seed < SEED + 60 * TREES; seed++) {
    const tree = randomTree(seed);
    inTree(tree.entries, (cwd) => {
      const setting: Setting = { compiler, language, cwd, args: tree.args, forcedIncludes: tree.forcedIncludes };
      const truth = filesRead(setting, tree.source);
      if (truth === undefined || truth.size < 4) return;
      trees++;
      const input = inputFor(setting, tree.source, searchListOf(setting), diskView());
      const result = walk({ ...input, truth });
      if (result.problem?.reason === 'scan-incomplete')
        throw new Error(`seed ${seed}: missed ${result.problem.detail}`);
      if (result.problem !== undefined) return;
      walked++;
      body({ seed, tree, setting, input, result });
    });
  }
  return walked;
}

/** What the walk found, as a later compile would have to find it again. */
function conditions(result: Walk): () => boolean {
  const identity = (path: string) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? undefined : `${found.dev}:${found.ino}`;
  };
  const kind = (path: string) => {
    try {
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? 'absent' : found.isFile() ? 'file' : 'directory';
    } catch {
      return 'absent';
    }
  };
  const read = (path: string) => (kind(path) === 'file' ? readFileSync(path, 'latin1') : undefined);
  const contents = result.files.map((path) => [path, read(path)] as const);
  return () =>
    contents.every(([path, content]) => read(path) === content) &&
    result.present.every((path) => kind(path) === 'file') &&
    result.absent.every((path) => kind(path) === 'absent') &&
    result.directories.every((path) => kind(path) === 'directory') &&
    result.aliases.every(({ path, file }) => identity(path) !== undefined && identity(path) === identity(file));
}

/** Changes one thing in the tree and says how to take it back. */
function changeOne(
  dice: Chance,
  { setting, tree, result }: Proven,
): { readonly what: string; undo(): void } | undefined {
  const root = setting.cwd;
  const relevant = [...result.absent, ...result.files, ...result.present, ...result.directories]
    .filter((path) => path.startsWith(`${root}/`))
    .map((path) => path.slice(root.length + 1));
  const path = dice.of(dice.happens(0.5) ? tree.places : relevant);
  const at = join(root, path);
  const before = lstatSync(at, { throwIfNoEntry: false });
  if (before === undefined) {
    const top = topmostAbsent(root, path);
    if (top === undefined) return undefined;
    put(root, path, dice.of(['int appeared;\n', 'int appeared;\n', { dir: true }, { link: join(root, 's.h') }]));
    return { what: `created ${path}`, undo: () => rmSync(top, { recursive: true, force: true }) };
  }
  if (before.isSymbolicLink()) {
    const target = readlinkSync(at);
    rmSync(at);
    if (dice.happens(0.5)) symlinkSync(dice.of(['b', '../b', '../a/h1.h', '../s.h', 'nowhere']), at);
    const undo = () => {
      rmSync(at, { force: true });
      symlinkSync(target, at);
    };
    return { what: `changed link ${path}`, undo };
  }
  if (!before.isFile()) return undefined;
  const text = readFileSync(at, 'latin1');
  rmSync(at);
  if (dice.happens(0.3)) writeFileSync(at, `int changed;\n${text}`, 'latin1');
  return { what: `changed or removed ${path}`, undo: () => writeFileSync(at, text, 'latin1') };
}

function topmostAbsent(root: string, path: string): string | undefined {
  let at = root;
  for (const part of path.split('/')) {
    at = join(at, part);
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found === undefined) return at;
    if (found.isFile()) return undefined;
  }
  return undefined;
}

const strace = spawnSync('strace', ['-V']).status === 0;
const seen = strace ? 'seen by strace' : 'skipped: no strace on this machine';

describe.each(COMPILERS)('%s', (compiler, language) => {
  const counts = { walked: 0, changes: 0, altered: 0, lookups: 0 };

  test('a change that alters text or depfile breaks a condition; the closure contains every file read', () => {
    counts.walked = overTrees(compiler, language, (proven) => {
      const { changes, altered } = changesAreSeen(proven);
      counts.changes += changes;
      counts.altered += altered;
      closureContains(proven);
      if (strace) counts.lookups += lookupsAreListed(proven);
    });
    expect(counts.walked).toBeGreaterThan(TREES / 2);
    expect(counts.altered).toBeGreaterThan(counts.changes / 20);
  });

  test.skipIf(!strace)(`every failed lookup of a real run (${seen}) is among those of the walk`, () => {
    expect(counts.lookups).toBeGreaterThan(TREES);
  });
});

function changesAreSeen(proven: Proven): { changes: number; altered: number } {
  const { seed, setting, result } = proven;
  const dice = chance(seed * 7919);
  const plain = outcome(proven);
  const hold = conditions(result);
  let [changes, altered] = [0, 0];
  for (let i = 0; i < 6; i++) {
    const change = changeOne(dice, proven);
    if (change === undefined) continue;
    const same = outcome(proven) === plain;
    changes++;
    if (!same) altered++;
    const where = `seed ${seed}, ${setting.args?.join(' ')}: ${change.what} alters the result unseen`;
    expect(same || !hold(), where).toBe(true);
    change.undo();
    expect(hold(), `seed ${seed}: undone`).toBe(true);
  }
  return { changes, altered };
}

/** Exit status, preprocessed text and depfile in one string. */
function outcome({ setting, tree }: Proven): string {
  const depfile = join(setting.cwd, 'out.d');
  rmSync(depfile, { force: true });
  const { status, stdout } = run(setting, ['-E', '-MD', '-MF', depfile, tree.source]);
  return `${status}\n${status === 0 ? readFileSync(depfile, 'latin1') : ''}\n${stdout}`;
}

function lookupsAreListed({ seed, setting, tree, result }: Proven): number {
  const listed = new Set([...result.absent, ...result.directories]);
  // A test for existence that succeeded needs no more than the file it found, whatever was asked for before.
  const tested = new Set(result.present.map((path) => basename(path)));
  const failed = failedLookups(setting, tree.source).filter((path) => !tested.has(basename(path)));
  for (const path of failed)
    expect(isListed(path, listed), `seed ${seed}, ${setting.args?.join(' ')}: ${path}`).toBe(true);
  return failed.length;
}

function closureContains({ seed, input, result }: Proven): void {
  const closure = walk(input);
  const identity = (path: string) => input.view.identityOf?.(path);
  const reached = new Set([...closure.files.map(tidyPath), ...closure.files.map(identity)]);
  for (const path of result.files)
    expect(reached.has(tidyPath(path)) || reached.has(identity(path)), `seed ${seed}: ${path}`).toBe(true);
}

/** Paths below the tree that a compile asked for in vain, directories passed over included. */
function failedLookups(setting: Setting, source: string): readonly string[] {
  const { cwd, compiler, language, args = [], forcedIncludes = [] } = setting;
  const forced = forcedIncludes.flatMap(({ option, name }) => [option, name]);
  const words = ['-f', '-e', 'trace=open,openat,stat,lstat,newfstatat,access,faccessat', compiler, ...args, ...forced];
  const { stderr } = spawnSync('strace', [...words, '-S', '-x', language, '-o', `${cwd}/out.s`, source], {
    cwd,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  const failed = stderr.matchAll(/(?:"|, ")([^"]*)"[^\n]*= -1 (?:ENOENT|ENOTDIR)/g);
  const paths = [...failed].map(([, path]) => absolutePath(cwd, path as string));
  return paths.filter(
    (path) => path.startsWith(`${cwd}/`) && /\/(?:h\d\.h|stdc-predef\.h|s\.h)(?:\.gch|\.pch)?$/.test(path),
  );
}

function isListed(path: string, listed: ReadonlySet<string>): boolean {
  for (let at = tidyPath(path); at.length > 1; at = at.slice(0, at.lastIndexOf('/'))) if (listed.has(at)) return true;
  return false;
}
