import { spawnSync } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { absolutePath, tidyPath } from './paths.ts';
import { type Chance, chance, type RandomTree, randomTree } from './testing/random-tree.ts';
import { diskView, filesRead, inputFor, run, type Setting, searchListOf } from './testing/real-compiler.ts';
import { inTree, put } from './testing/tree.ts';
import { type Walk, walk } from './walk.ts';

/** How much chance to try: HG_FUZZ=20 runs twenty times as many trees. HG_SEED starts elsewhere. */
const SCALE = Number(process.env.HG_FUZZ ?? 1);
const SEED = Number(process.env.HG_SEED ?? 1);
const TREES = 24 * SCALE;
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
  readonly result: Walk;
}

/** Walks the random trees that compile, with the compiler's own list; the rest (a header missing) prove nothing. */
function overTrees(compiler: Setting['compiler'], language: Setting['language'], body: (proven: Proven) => void) {
  const count = { trees: 0, walked: 0, refused: new Map<string, number>() };
  for (let seed = SEED; count.trees < TREES && seed < SEED + 60 * TREES; seed++) {
    const tree = randomTree(seed);
    inTree(tree.entries, (cwd) => {
      const setting: Setting = { compiler, language, cwd, args: tree.args, forcedIncludes: tree.forcedIncludes };
      const truth = filesRead(setting, tree.source);
      if (truth === undefined || truth.size < 4) return;
      count.trees++;
      const result = walk({ ...inputFor(setting, tree.source, searchListOf(setting), diskView()), truth });
      const reason = result.problem?.reason;
      if (reason === 'scan-incomplete') throw new Error(`seed ${seed}: missed ${result.problem?.detail}`);
      if (reason !== undefined) count.refused.set(reason, (count.refused.get(reason) ?? 0) + 1);
      else {
        count.walked++;
        body({ seed, tree, setting, result });
      }
    });
  }
  return count;
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

test.each(COMPILERS)(
  '%s: a change that alters the preprocessed text breaks a condition of the walk',
  (compiler, language) => {
    let changes = 0;
    let altered = 0;
    const count = overTrees(compiler, language, (proven) => {
      const { seed, setting, tree, result } = proven;
      const dice = chance(seed * 7919);
      const plain = run(setting, ['-E', tree.source]);
      const hold = conditions(result);
      for (let i = 0; i < 6; i++) {
        const change = changeOne(dice, proven);
        if (change === undefined) continue;
        const now = run(setting, ['-E', tree.source]);
        changes++;
        const same = now.stdout === plain.stdout && now.status === plain.status;
        if (!same) altered++;
        const where = `seed ${seed}, ${compiler} ${setting.args?.join(' ')}: ${change.what} alters the result unseen`;
        expect(same || !hold(), where).toBe(true);
        change.undo();
        expect(hold(), `seed ${seed}: undone`).toBe(true);
      }
    });
    expect(count.walked).toBeGreaterThan(TREES / 2);
    expect(altered).toBeGreaterThan(changes / 20);
  },
);

const strace = spawnSync('strace', ['-V']).status === 0;

test.skipIf(!strace).each(COMPILERS)(
  '%s: every failed lookup of a real run is among those of the walk',
  (compiler, language) => {
    let seen = 0;
    const count = overTrees(compiler, language, ({ seed, setting, tree, result }) => {
      const listed = new Set([...result.absent, ...result.directories]);
      for (const path of failedLookups(setting, tree.source)) {
        seen++;
        expect(isListed(path, listed), `seed ${seed}, ${compiler} ${setting.args?.join(' ')}: ${path}`).toBe(true);
      }
    });
    expect(count.walked).toBeGreaterThan(TREES / 2);
    expect(seen).toBeGreaterThan(TREES);
  },
);

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

test.each(COMPILERS)('%s: the closure without a list contains every file read', (compiler, language) => {
  const count = overTrees(compiler, language, ({ seed, setting, tree, result }) => {
    const closure = walk(inputFor(setting, tree.source, searchListOf(setting), diskView()));
    const reached = new Set(closure.files.map(tidyPath));
    const view = diskView();
    const identities = new Set(closure.files.map((path) => view.identityOf?.(path)));
    for (const path of result.files)
      expect(reached.has(tidyPath(path)) || identities.has(view.identityOf?.(path)), `seed ${seed}: ${path}`).toBe(
        true,
      );
  });
  expect(count.walked).toBeGreaterThan(TREES / 2);
});
