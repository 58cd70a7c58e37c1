/** Compilers for other machines on the grid: found by what they are, not by what they make. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { HGBUILD } from './bed/environment.ts';
import { useGridBed } from './bed/grid-bed.ts';
import { runOk } from './bed/run.ts';
import { mounts, root, testWith, tool } from './bed/tools.ts';
import { expectTwin, layFiles } from './bed/twin.ts';

const grid = useGridBed();

const FILES = {
  'inc/own.h': '#pragma once\n#ifdef __cplusplus\nextern "C"\n#endif\nint twice(int n);\n',
  'twice.c': '#include "own.h"\n#include <stdint.h>\nint twice(int n) { return (int)((int64_t)n * 2); }\n',
  'say.c': '#include <stdio.h>\n#include "own.h"\nvoid say(void) { printf("%d\\n", twice(21)); }\n',
  'main.cc':
    '#include <map>\n#include <string>\n#include "own.h"\nextern "C" void say(void);\nint main(int argc, char **argv) {\n  std::map<std::string, int> m{{"a", twice(argc)}};\n  say();\n  return m["a"] - 2;\n}\n',
};
const OBJECTS = 3;

interface Toolchain {
  readonly c: string;
  readonly cxx: string;
  /** Links the objects, and runs the program where that can be done here. */
  readonly afterwards: string;
}

const AARCH64 =
  'aarch64-linux-gnu-g++ main.o say.o twice.o -o program && qemu-aarch64 -L /usr/aarch64-linux-gnu ./program';

const TOOLCHAINS: readonly Toolchain[] = [
  { c: 'aarch64-linux-gnu-gcc', cxx: 'aarch64-linux-gnu-g++', afterwards: AARCH64 },
  { c: 'x86_64-w64-mingw32-gcc', cxx: 'x86_64-w64-mingw32-g++', afterwards: 'true' },
  { c: 'clang --target=aarch64-linux-gnu', cxx: 'clang++ --target=aarch64-linux-gnu', afterwards: AARCH64 },
  { c: 'clang -target aarch64-linux-gnu', cxx: 'clang++ -target aarch64-linux-gnu', afterwards: AARCH64 },
];

for (const { c, cxx, afterwards } of TOOLCHAINS) {
  const programs = [c, cxx].map((words) => tool(words.split(' ')[0] as string));
  const others = afterwards === 'true' ? [] : [tool('aarch64-linux-gnu-g++'), tool('qemu-aarch64')];
  testWith([root, mounts, ...programs, ...others], `${c}: all compiled elsewhere, byte by byte`, async () => {
    const { env } = await grid.start({ workers: 1 });
    const script = [
      ...['twice', 'say'].map((name) => `${c} -O2 -g -Wall -MD -Iinc -c ${name}.c || exit`),
      `${cxx} -O2 -g -Wall -MD -Iinc -c main.cc || exit`,
      afterwards,
    ];
    const seen = await expectTwin(grid.bed, { files: FILES, env: env(0), script: script.join('\n'), hits: OBJECTS });
    expect(seen).toMatchObject({ status: 0, stdout: afterwards === 'true' ? '' : '42\n' });
    expect(await grid.bed.stats()).toMatchObject({ remoteCompiles: OBJECTS });
  });
}

const ARM64 = [tool('aarch64-linux-gnu-gcc'), tool('aarch64-linux-gnu-g++'), tool('clang')];

testWith([root, mounts, ...ARM64], '--target=arm64 picks a compiler whose compiles go elsewhere, too', async () => {
  const { env } = await grid.start({ workers: 1 });
  const { bed } = grid;
  layFiles(bed.work, FILES);
  const remotes: string[] = [];
  const compile = async (argv: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> => {
    const ended = await runOk([...argv, '-Iinc', '-g', '-c', '-o', 'x.o'], {
      cwd: bed.work,
      env: { ...bed.env, ...more },
    });
    remotes.push(...(ended.stderr.toString().match(/^\[remote /gm) ?? []));
    return readFileSync(join(bed.work, 'x.o')).toString('base64');
  };
  const ours = { ...env(0), HG_VERBOSE: '1' };
  for (const [words, plain, more] of [
    [['cc', 'say.c'], ['aarch64-linux-gnu-gcc', 'say.c'], {}],
    [['c++', 'main.cc'], ['aarch64-linux-gnu-g++', 'main.cc'], {}],
    [['cc', 'twice.c'], ['clang', '--target=aarch64-linux-gnu', 'twice.c'], { CC: 'clang' }],
  ] as const)
    expect(await compile([HGBUILD, ...words, '--target=arm64'], { ...ours, ...more })).toBe(await compile(plain));
  expect(remotes).toHaveLength(3);
});

testWith([root, mounts, tool('clang')], 'clang for a system whose tools it looks for itself stays here', async () => {
  const { env } = await grid.start({ workers: 1 });
  const files = { 'a.c': 'int a;\n', 'b.c': 'int b;\n', 'c.c': 'int c;\n' };
  const script = [
    'clang --target=arm-none-eabi -c a.c; echo $?',
    'clang --target=x86_64-w64-mingw32 -c b.c; echo $?',
    'clang --target=aarch64-linux-gnu -B. -c c.c; echo $?',
  ];
  await expectTwin(grid.bed, { files, env: env(0), script: script.join('\n') });
  expect(await grid.bed.stats()).toMatchObject({ remoteCompiles: 0 });
  const log = readFileSync(join(grid.bed.cacheDir, 'agent.log'), 'utf8');
  expect(log.match(/"why":"other-tools"/g)?.length).toBeGreaterThanOrEqual(3);
});
