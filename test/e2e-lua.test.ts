/** Lua 5.4, whole: every object, depfile and message is the plain compiler's, cold and warm. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { type Call, recordBuild, variant } from './bed/recorded-build.ts';
import { run, runOk } from './bed/run.ts';
import { copySource, findSource } from './bed/sources.ts';
import { need, testWith, tool } from './bed/tools.ts';
import { isCompilerOutput, readTree, treeDifferences } from './bed/tree.ts';
import { sample, verifyCalls } from './bed/verify.ts';

const lua = need(() =>
  findSource('lua5.4') ? undefined : 'no Lua source here (`make sources` fetches it by apt-get)',
);
let bed: Bed;
let calls: readonly Call[] = [];
let tree = '';

beforeAll(async () => {
  bed = makeBed();
  if (lua.missing() !== undefined) return;
  tree = join(bed.work, 'lua');
  copySource('lua5.4', tree);
  calls = await recordBuild(bed, join(tree, 'src'), ['make', '-s', '-j2', 'posix']);
}, 120_000);
afterAll(() => bed.remove());

const FLAGS: Record<string, readonly string[]> = {
  'without -g': [],
  'with -g and a depfile': ['-g', '-MD'],
  'with -g3, a depfile of user headers and phony targets': ['-g3', '-MMD', '-MP'],
};

for (const compiler of ['gcc', 'clang']) {
  for (const [name, flags] of Object.entries(FLAGS)) {
    testWith([lua, tool(compiler)], `${compiler} ${name}`, () =>
      verifyCalls(
        bed,
        tree,
        variant(compiler === 'gcc' && flags.includes('-g') ? calls : sample(calls, 10), compiler, flags),
      ),
    );
  }
}

testWith([lua, tool('gcc')], 'warnings come back as they were', async () => {
  await verifyCalls(
    bed,
    tree,
    variant(sample(calls, 10), 'gcc', ['-Wextra', '-Wshadow', '-Wconversion'], ['-fdiagnostics-color=always']),
  );
});

// The plain compiler draws a random number for these, so two plain objects differ: a fixed seed makes them comparable.
for (const flag of ['--coverage', '-fprofile-generate', '-flto']) {
  testWith([lua, tool('gcc')], `gcc ${flag} with a fixed seed`, async () => {
    const some = calls.filter((_, index) => index % 5 === 0);
    await verifyCalls(bed, tree, variant(some, 'gcc', ['-g', '-MD', flag, '-frandom-seed=1']), {
      refused: some.length,
    });
  });
}

testWith([lua, tool('make')], '`hgbuild make` builds the same tree as `make`, and the program runs', async () => {
  const build = join(tree, 'src');
  const trees = [];
  for (const prefix of [[], [HGBUILD, '--quiet'], [HGBUILD, '--quiet']]) {
    await runOk(['make', '-s', 'clean'], { cwd: build, env: bed.env });
    await runOk([...prefix, 'make', '-s', '-j2', 'posix'], { cwd: build, env: bed.env });
    trees.push(readTree(build, (path) => isCompilerOutput(path) || /^luac?$|\.a$/.test(path)));
  }
  const [plain, cold, warm] = trees;
  if (plain === undefined || cold === undefined || warm === undefined) throw new Error('three builds were made');
  // Archives hold the times of their members.
  const programs = (path: string): boolean => !path.endsWith('.a');
  expect(treeDifferences(plain, cold).filter(programs)).toEqual([]);
  expect(treeDifferences(plain, warm).filter(programs)).toEqual([]);
  const { stdout } = await run([join(build, 'lua'), '-e', 'print(6 * 7)'], { env: bed.env });
  expect(stdout.toString()).toBe('42\n');
});

testWith([lua, tool('gcc')], 'two trees at different places share what does not name its place', async () => {
  const other = join(bed.work, 'elsewhere');
  mkdirSync(other);
  copySource('lua5.4', other);
  const moved = variant(sample(calls, 10), 'gcc', []).map((call) => ({ ...call, cwd: join(other, 'src') }));
  await verifyCalls(bed, other, moved);
});
