/** RE2 and abseil: C++17 with hundreds of headers for each file. */
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { type Call, recordBuild, variant } from './bed/recorded-build.ts';
import { copySource, fetchRe2 } from './bed/sources.ts';
import { need, testWith, tool } from './bed/tools.ts';
import { verifyAll, verifyCalls } from './bed/verify.ts';

const re2 = need(() => {
  try {
    fetchRe2();
    return undefined;
  } catch (error) {
    return `RE2 cannot be had: ${error instanceof Error ? error.message : error}`;
  }
});
let bed: Bed;
let calls: readonly Call[] = [];
let tree = '';

beforeAll(async () => {
  bed = makeBed();
  if (re2.missing() !== undefined) return;
  tree = join(bed.work, 're2');
  copySource('re2', tree);
  const makefile = join(import.meta.dirname, '../demo/Makefile');
  const few = verifyAll ? [] : ['FILES=12'];
  calls = await recordBuild(bed, join(tree, 'vendor'), ['make', '-s', '-j2', '-f', makefile, 'CXXFLAGS=-O0', ...few]);
}, 900_000);
afterAll(() => bed.remove());

const optimise = verifyAll ? '-O2' : '-O1';
for (const [compiler, debug] of [
  ['g++', []],
  ['g++', ['-g']],
  ['clang++', []],
  ['clang++', ['-g']],
] as const) {
  testWith(
    [re2, tool(compiler)],
    `${compiler} ${debug.join(' ') || 'without -g'}`,
    () => verifyCalls(bed, tree, variant(calls, compiler, debug, [optimise])),
    3_600_000,
  );
}
