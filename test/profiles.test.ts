/** Profiles that decide code: found by name, changed, gone and come back. The oracle is the plain compiler. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { testWith, tool } from './bed/tools.ts';
import { expectTwin, type Files, layFiles, runScript } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const files = {
  'a.c': `#include <stdlib.h>
int g(int);
int f(int x) { if (x > 3) return g(x) * 7; for (int i = 0; i < x; i++) x += g(i) / 3; return x; }
int g(int x) { return x * x - 1; }
int main(int argc, char **argv) { int s = 0; for (int i = 0; i < 999; i++) s += f(i % atoi(argv[1])); return !s; }
`,
  'dir/keep': '',
  'o/keep': '',
};

/** What a script leaves at `name` when it is run with the plain compilers. */
async function madeBy(script: string, name: string): Promise<Buffer> {
  layFiles(bed.work, files);
  const { status, stderr } = await runScript(bed, script, 'plain');
  expect(status, stderr.toString()).toBe(0);
  return readFileSync(join(bed.work, name));
}

/** Plain, cold and warm for each of the states in turn, and for all of them once more. */
async function expectStates(script: string, states: readonly Files[]): Promise<void> {
  const objects = new Set<string>();
  for (const state of [...states, ...states]) {
    const shown = {
      files: { ...files, ...state },
      script: `${script} && cat $(ls *.o o/*.o 2>/dev/null) | sha256sum`,
      hits: 1,
    };
    const { stdout } = await expectTwin(bed, shown);
    objects.add(stdout);
  }
  // Else the test shows nothing.
  expect(objects.size).toBe(states.length);
}

describe('gcc', () => {
  const profile = (argument: number) =>
    madeBy(
      `gcc -fprofile-generate a.c -O2 -c -o o/a.o && gcc -fprofile-generate o/a.o && ./a.out ${argument}; rm o/a.o`,
      'o/a.gcda',
    );
  const object = 'gcc -O2 -c a.c -o o/a.o';

  test.each([
    ['-fprofile-use', (): string => 'o/a.gcda'],
    ['-fbranch-probabilities -Wmissing-profile', (): string => 'o/a.gcda'],
    ['-fprofile-use=dir', (): string => `dir/${`${bed.work}/o/a.gcda`.replaceAll('/', '#')}`],
    ['-fprofile-use -fprofile-dir=$PWD/dir', (): string => `dir/${`${bed.work}/o/a.gcda`.replaceAll('/', '#')}`],
    ['-fprofile-use -o $PWD/o/b.x.o', (): string => 'o/b.x.gcda'],
    ['-fprofile-use=dir -o $PWD/o/../o/b.o', (): string => `dir/${bed.work}/o/../o/b.gcda`],
    ['-fprofile-use=dir -o o/../o/b.o', (): string => `dir/${`${bed.work}/o/^/o/b.gcda`.replaceAll('/', '#')}`],
  ])('%s: a profile that changes, goes and comes', async (options, nameOf) => {
    const [few, many] = [await profile(3), await profile(50)];
    expect(few.equals(many)).toBe(false);
    const name = nameOf();
    const command = options.includes(' -o ') ? 'gcc -O2 -c a.c' : object;
    await expectStates(`${command} ${options}`, [{ 'x/y': '' }, { [name]: few }, { [name]: many }]);
  });
});

describe('clang', () => {
  const tools = [tool('clang'), tool('llvm-profdata')];
  const profile = (argument: number) =>
    madeBy(
      `clang -O2 -fprofile-instr-generate a.c && LLVM_PROFILE_FILE=raw ./a.out ${argument} && llvm-profdata merge raw -o p`,
      'p',
    );

  for (const [options, name] of [
    ['-fprofile-instr-use=p', 'p'],
    ['-fprofile-use=p', 'p'],
    ['-fprofile-use=dir', 'dir/default.profdata'],
    ['-fprofile-use', 'default.profdata'],
    ['-fprofile-instr-use', 'default.profdata'],
  ] as const)
    testWith(tools, `${options}: a profile that changes`, async () => {
      const [few, many] = [await profile(3), await profile(50)];
      await expectStates(`clang -O2 -c a.c -MD ${options}`, [{ [name]: few }, { [name]: many }]);
    });

  testWith([tool('clang')], 'a profile of samples that changes', async () => {
    const source = 'int g(int);\nint f(int x) {\n  if (x > 3)\n    return g(x) * 7;\n  return g(2 * x) + 1;\n}\n';
    const samples = (one: number, other: number) => `f:1000:10\n 1: 10\n 2: ${one}\n 3: ${other}\n`;
    const states = [samples(9000, 1), samples(1, 9000)].map((s) => ({ 'a.c': source, s }));
    await expectStates('clang -O2 -g -fprofile-sample-use=s -c a.c', states);
  });
});

test('coverage: objects and notes come back, under their own names only', async () => {
  for (const compiler of ['gcc', 'clang'])
    for (const options of ['-o o/a.o', '-o o/b.o', '', '-fprofile-dir=x'])
      await expectKept(`${compiler} --coverage -c a.c ${options}`);
});

/**
 * Notes and object hold a stamp that the compiler takes from the clock: two plain runs differ. What a hit delivers must be
 * what the last compile wrote, byte for byte.
 */
async function expectKept(script: string): Promise<void> {
  layFiles(bed.work, files);
  let last = '';
  for (let attempt = 0; attempt < 6; attempt += 1) {
    await runScript(bed, 'rm -f *.o *.gcno o/*.o o/*.gcno', 'plain');
    const { status, stderr } = await runScript(bed, script, 'cached', { env: { HG_VERBOSE: '1' } });
    expect(status, stderr.toString()).toBe(0);
    const { stdout } = await runScript(bed, 'sha256sum $(ls *.o *.gcno o/*.o o/*.gcno 2>/dev/null)', 'plain');
    if (stderr.includes('[hit]')) {
      expect(stdout.toString()).toBe(last);
      return;
    }
    last = stdout.toString();
    await bed.flush();
  }
  throw new Error(`no hit: ${script}`);
}
