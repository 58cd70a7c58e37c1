/** The grid end to end: real coordinator, workers and clients; every object, depfile and message is the plain compiler's. */
import { cpSync, globSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { type Grid, startGrid } from './bed/grid.ts';
import { signalProcess, until } from './bed/processes.ts';
import { run, runOk } from './bed/run.ts';
import { copySource, findSource } from './bed/sources.ts';
import { mounts, need, root, testWith, tool } from './bed/tools.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from './bed/tree.ts';
import { expectTwin, layFiles, runScript } from './bed/twin.ts';

const lua = need(() =>
  findSource('lua5.4') ? undefined : 'no Lua source here (`make sources` fetches it by apt-get)',
);
const MAKE = ['make', '-s', '-j4', 'posix', 'MYCFLAGS=-g -MD'];

let bed: Bed;
let grid: Grid | undefined;
beforeEach(() => {
  bed = makeBed();
});
afterEach(async () => {
  await grid?.end();
  grid = undefined;
  await bed.remove();
});

interface Built {
  readonly tree: Tree;
  readonly remote: number;
  readonly shared: number;
  readonly said: string;
}

/** Builds Lua at the same place every time; objects hold paths. */
async function buildLua(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Built> {
  const tree = join(bed.work, 'lua');
  await runOk(['rm', '-rf', tree]);
  cpSync(join(bed.work, 'pristine'), tree, { recursive: true, preserveTimestamps: true });
  const { stderr } = await runOk(argv, { cwd: join(tree, 'src'), env: { ...bed.env, ...env } });
  const said = stderr.toString();
  const count = (pattern: RegExp): number => said.match(pattern)?.length ?? 0;
  return {
    tree: readTree(tree, isCompilerOutput),
    remote: count(/^\[remote /gm),
    shared: count(/^\[shared\]/gm),
    said,
  };
}

async function plainLua(): Promise<Tree> {
  copySource('lua5.4', join(bed.work, 'pristine'));
  return (await buildLua(MAKE)).tree;
}

const OBJECTS = 34;

testWith([lua, root, mounts], 'all remote, then another client from the shared cache', async () => {
  const plain = await plainLua();
  grid = await startGrid(bed, { workers: 2 });
  const first = await buildLua([HGBUILD, '-v', ...MAKE], grid.env(0));
  expect(treeDifferences(plain, first.tree)).toEqual([]);
  expect(first.remote, first.said).toBeGreaterThanOrEqual(OBJECTS - 2);
  const other = { ...grid.env(0), HG_CACHE_DIR: join(bed.root, 'other') };
  const second = await buildLua([HGBUILD, '-v', ...MAKE], other);
  expect(treeDifferences(plain, second.tree)).toEqual([]);
  expect(second.shared, second.said).toBeGreaterThanOrEqual(OBJECTS - 2);
});

testWith([lua, root, mounts], 'cores here and there; what was compiled here is shared, too', async () => {
  const plain = await plainLua();
  grid = await startGrid(bed, { workers: 1 });
  const first = await buildLua([HGBUILD, '-v', ...MAKE], grid.env(1));
  expect(treeDifferences(plain, first.tree)).toEqual([]);
  expect(first.remote, first.said).toBeGreaterThan(0);
  await bed.flush();
  const second = await buildLua([HGBUILD, '-v', ...MAKE], { ...grid.env(1), HG_CACHE_DIR: join(bed.root, 'other') });
  expect(treeDifferences(plain, second.tree)).toEqual([]);
  expect(second.shared, second.said).toBeGreaterThanOrEqual(OBJECTS - 4);
});

testWith([lua, root, mounts], 'workers and coordinator are killed in the middle of a build', async () => {
  const plain = await plainLua();
  const running = await startGrid(bed, { workers: 2 });
  grid = running;
  const objects = (): number => globSync(join(bed.work, 'lua/src/*.o')).length;
  const building = buildLua([HGBUILD, '-v', ...MAKE], running.env(0));
  // The plain build's objects go first.
  expect(await until(() => objects() === 0)).toBe(true);
  expect(await until(() => objects() >= 2, 30_000)).toBe(true);
  signalProcess(running.workers[0]?.pid, 'SIGKILL');
  expect(await until(() => objects() >= 8, 30_000)).toBe(true);
  signalProcess(running.coordinator.pid, 'SIGKILL');
  expect(treeDifferences(plain, (await building).tree)).toEqual([]);
});

for (const compiler of ['gcc', 'g++', 'clang', 'clang++']) {
  testWith([root, mounts, tool(compiler)], `${compiler}: standard headers, warnings, debug information`, async () => {
    grid = await startGrid(bed, { workers: 1 });
    const files = {
      'a.c': '#include <stdio.h>\nint f(int unused) { puts("x"); return 0; }\n',
      'a.cc': '#include <string>\nstd::string f(int unused) { return "x"; }\n',
    };
    const source = compiler.endsWith('++') ? 'a.cc' : 'a.c';
    const env = { ...grid.env(0), LANG: 'C.UTF-8' };
    const script = `${compiler} -g -O1 -Wall -Wextra -MD -c ${source}; echo $?`;
    await expectTwin(bed, { files, env, script });
    expect(await bed.stats()).toMatchObject({ remoteCompiles: 1 });
  });
}

testWith([root, mounts, tool('gcc')], 'an error is the compiler of this machine speaking', async () => {
  grid = await startGrid(bed, { workers: 1 });
  const files = { 'a.c': '#include "a.h"\nint f(void) { return undeclared; }\n', 'a.h': '#warning here\n' };
  const seen = await expectTwin(bed, { files, env: grid.env(0), script: 'gcc -Wall -c a.c; echo $?' });
  expect(seen.stdout).toBe('1\n');
});

testWith(
  [root, mounts, tool('gcc')],
  'a header beside the source that another compile shipped is not seen',
  async () => {
    grid = await startGrid(bed, { workers: 1 });
    const files = {
      'a.c': '#if __has_include("x.h")\nint yes;\n#else\nint no;\n#endif\n',
      'b.c': '#include "x.h"\n',
      'x.h': 'int x;\n',
    };
    const script = 'gcc -c b.c; rm x.h; gcc -c a.c; nm a.o';
    const seen = await expectTwin(bed, { files, env: grid.env(0), script });
    expect(seen.stdout).toContain(' no');
  },
);

testWith([root, mounts, tool('gcc')], 'a wrong token is a word in the log, never a failed build', async () => {
  grid = await startGrid(bed, { workers: 1 });
  const files = { 'a.c': 'int a;\n' };
  await runOk(['sh', '-c', `echo wrong > ${bed.root}/wrong`]);
  await expectTwin(bed, {
    files,
    env: { ...grid.env(0), HG_TOKEN_FILE: join(bed.root, 'wrong') },
    script: 'gcc -c a.c; echo $?',
  });
  const asked = await run([HGBUILD, 'workers'], {
    env: { ...bed.env, ...grid.env(0), HG_TOKEN_FILE: join(bed.root, 'wrong') },
  });
  expect([asked.status, asked.stderr.toString()]).toEqual([1, expect.stringContaining('refuses the token')]);
  expect(readdirSync(bed.work)).toContain('a.o');
});

testWith(
  [root, mounts, tool('gcc')],
  'what neighbours write beside the headers meanwhile sends no compile home',
  async () => {
    grid = await startGrid(bed, { workers: 1 });
    const body = Array.from({ length: 1500 }, (_, n) => `int f${n}(int x) { return x * ${n} + g(x); }`).join('\n');
    const files = {
      'a.c': `#if __has_include("none.h")\n#error none\n#endif\n#include "deep.h"\nint g(int);\n${body}\n`,
      'inc/first.h': '',
      'deep/deep.h': '#define DEEP 1\n',
    };
    const script = [
      'sleep 0.05; gcc -O2 -g -Iinc -Ideep -c a.c & c=$!',
      'while kill -0 $c 2>/dev/null; do touch inc/n.o; sleep 0.02; rm inc/n.o; done; wait $c; echo $?',
    ];
    await expectTwin(bed, { files, env: grid.env(0), script: script.join('\n') });
    expect(await bed.stats()).toMatchObject({ remoteCompiles: 1, local: 1 });
  },
);

testWith([root, mounts, tool('gcc')], 'a header edited right before a compile here poisons nobody', async () => {
  grid = await startGrid(bed, { workers: 1 });
  const files = {
    'a.c': '#include "h.h"\nint a = H;\n',
    'b.c': '#include "h.h"\nint b = H;\n',
    'h.h': '#define H 1\n',
  };
  layFiles(bed.work, files);
  const plain = await runScript(bed, 'gcc -c b.c; objdump -s -j .data b.o', 'plain');
  const script = 'sleep 2.1; gcc -c a.c; echo "#define H 2" >h.h; sleep 0.1; gcc -c b.c';
  expect((await runScript(bed, script, 'cached', { env: grid.env(1) })).status).toBe(0);
  await bed.flush();
  layFiles(bed.work, files);
  const other = { ...grid.env(0), HG_CACHE_DIR: join(bed.root, 'other') };
  const seen = await runScript(bed, 'sleep 0.1; gcc -c b.c; objdump -s -j .data b.o', 'cached', { env: other });
  expect(seen.stdout.toString()).toBe(plain.stdout.toString());
});
