/** `native` on the grid: objects are those of this machine's processor, whatever the worker's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { useGridBed } from './bed/grid-bed.ts';
import { mounts, need, root, testWith, tool } from './bed/tools.ts';
import { expectTwin } from './bed/twin.ts';

const grid = useGridBed();
const x86 = need(() => (process.arch === 'x64' ? undefined : 'only compiles for x86 leave'));

/** Loops that every instruction set makes other code of, and tuning another order. */
const FILES = {
  'a.c': `#include <stddef.h>
void scale(float *to, const float *from, size_t n) { for (size_t i = 0; i < n; i++) to[i] = from[i] * 3.5f + to[i]; }
unsigned bits(const unsigned long *from, size_t n) { unsigned s = 0; while (n--) s += __builtin_popcountl(from[n]); return s; }
#ifdef __AVX512F__
int wide;
#endif
`,
  'b.cc': `#include <string>
#include <vector>
double sum(const std::vector<double> &v) { double s = 0; for (double d : v) s += d * d; return s; }
std::string name(int n) { return std::to_string(n % 7); }
`,
};

const GCC: readonly string[] = [
  '-O2 -march=native',
  '-O3 -g -march=native',
  '-O2 -g -frecord-gcc-switches -march=native',
  '-O2 -g -mtune=native',
  '-O2 -g -mcpu=native',
  '-O2 -g -march=native -mtune=haswell',
  '-O2 -g -march=haswell -mtune=native',
  '-O2 -g -march=native -mtune=native -MD',
  '-O2 -g -mno-avx512f -march=native -mno-avx',
  '-O2 -g -march=native -march=haswell',
  // Without the seed two objects of the plain compiler differ, too.
  '-O2 -g -flto -frandom-seed=1 -march=native',
  '-O2 -g -flto -ffat-lto-objects -frandom-seed=1 -frecord-gcc-switches -march=native',
];
const CLANG: readonly string[] = [
  '-O2 -march=native',
  '-O3 -g -march=native',
  '-O2 -g -mtune=native',
  '-O2 -g -march=native -mtune=haswell',
  '-O2 -g -march=haswell -mtune=native',
  '-O2 -g -flto -march=native',
];
const COMPILERS: readonly (readonly [c: string, cxx: string, options: readonly string[]])[] = [
  ['gcc', 'g++', GCC],
  ['x86_64-w64-mingw32-gcc', 'x86_64-w64-mingw32-g++', ['-O2 -g -march=native']],
  ['clang', 'clang++', CLANG],
];

for (const [c, cxx, sets] of COMPILERS) {
  testWith([root, mounts, x86, tool(c), tool(cxx)], `${c}: all compiled elsewhere, byte by byte`, async () => {
    const { env } = await grid.start({ workers: 1 });
    const script = sets.flatMap((options, n) => [
      `${c} ${options} -c a.c -o a${n}.o; echo $?`,
      `${cxx} ${options} -c b.cc -o b${n}.o; echo $?`,
    ]);
    await expectTwin(grid.bed, { files: FILES, env: env(0), script: script.join('\n') });
    expect(await grid.bed.stats()).toMatchObject({ remoteCompiles: script.length });
  });
}

const AT_HOME: readonly string[] = [
  // It warns of an option that it does not use, and names it.
  'clang -O2 -mcpu=native',
  'clang -O2 -march=native -mcpu=native',
  'clang -g -grecord-command-line -march=native',
  // After the features of the processor it would be another set.
  'clang -O2 -mno-avx -march=native',
];

testWith([root, mounts, x86, tool('clang')], 'what would be another object elsewhere stays here, by name', async () => {
  const { env } = await grid.start({ workers: 1 });
  const script = AT_HOME.map((words, n) => `cp a.c ${n}.c; ${words} -c ${n}.c; echo $?`).join('\n');
  await expectTwin(grid.bed, { files: FILES, env: env(0), script });
  expect(await grid.bed.stats()).toMatchObject({ remoteCompiles: 0 });
  const log = readFileSync(join(grid.bed.cacheDir, 'agent.log'), 'utf8');
  expect(log.match(/"why":"native-arch"/g)?.length).toBeGreaterThanOrEqual(AT_HOME.length);
});
