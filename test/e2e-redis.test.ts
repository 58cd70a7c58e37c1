/** redis with its bundled libraries: real makefiles, `-MMD`, generated headers, warnings as its authors left them. */
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { type Call, recordBuild, variant } from './bed/recorded-build.ts';
import { copySource, findSource } from './bed/sources.ts';
import { need, testWith, tool } from './bed/tools.ts';
import { sample, verifyAll, verifyCalls } from './bed/verify.ts';

const redis = need(() =>
  findSource('redis') ? undefined : 'no redis source here (`make sources` fetches it by apt-get)',
);
let bed: Bed;
let calls: readonly Call[] = [];
let tree = '';

beforeAll(async () => {
  // release.h holds the date of the build unless it is given; libc's malloc saves configuring another one.
  bed = makeBed({ SOURCE_DATE_EPOCH: '1700000000' });
  if (redis.missing() !== undefined) return;
  tree = join(bed.work, 'redis');
  copySource('redis', tree);
  const fast = ['OPTIMIZATION=-O0', 'REDIS_LDFLAGS=-O0'];
  const all = await recordBuild(bed, tree, ['make', '-s', '-j2', 'MALLOC=libc', ...(verifyAll ? [] : fast)]);
  calls = sample(all, 24);
}, 600_000);
afterAll(() => bed.remove());

const MATRIX = [
  ['gcc', 'as it comes', undefined],
  ['gcc', 'without -g', []],
  ['gcc', 'with -g3 -MD', ['-g3', '-MD']],
  ['clang', 'with -g', ['-g', '-MD']],
  ['clang', 'without -g', []],
] as const;

for (const [compiler, name, debug] of MATRIX) {
  testWith(
    [redis, tool(compiler)],
    `${compiler}, ${name}`,
    () => {
      const wanted = debug === undefined ? calls : variant(calls, compiler, debug, ['-Wall', '-Wextra']);
      // Objects of hiredis and Lua are written into directories that other compiles search for headers at that time.
      return verifyCalls(bed, tree, wanted, { unstored: Math.ceil(wanted.length / 10) });
    },
    1_800_000,
  );
}
