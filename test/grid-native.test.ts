/** `native` on the grid: objects are those of this machine's processor, whatever the worker's. */
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

interface Case {
  readonly compilers: readonly [c: string, cxx: string];
  readonly options: string;
}

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
const CASES: readonly Case[] = [
  ...GCC.map((options): Case => ({ compilers: ['gcc', 'g++'], options })),
  ...CLANG.map((options): Case => ({ compilers: ['clang', 'clang++'], options })),
];

for (const { compilers, options } of CASES) {
  const [c, cxx] = compilers;
  testWith([root, mounts, x86, tool(c), tool(cxx)], `${c} ${options}: compiled elsewhere, byte by byte`, async () => {
    const { env } = await grid.start({ workers: 1 });
    const script = `${c} ${options} -c a.c; echo $?; ${cxx} ${options} -c b.cc; echo $?`;
    await expectTwin(grid.bed, { files: FILES, env: env(0), script });
    expect(await grid.bed.stats()).toMatchObject({ remoteCompiles: 2 });
  });
}
