/** Real sources through a web server: one machine fills it, an empty one takes from it, and every object is the plain compiler's. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { type Call, outcomeDifferences, recordBuild, replay, variant } from './bed/recorded-build.ts';
import { runOk } from './bed/run.ts';
import { copySource, findSource, type SourceName } from './bed/sources.ts';
import { nginx, type StorageServer, startNginx } from './bed/storage-servers.ts';
import { need, testWith, tool } from './bed/tools.ts';
import { sample, verifyAll } from './bed/verify.ts';

interface Project {
  readonly source: SourceName;
  /** Directory that is built in, below the copy. */
  readonly at: string;
  readonly make: readonly string[];
  readonly few: number;
  readonly variants: readonly (readonly [compiler: string, options: readonly string[]])[];
}

const PROJECTS: readonly Project[] = [
  {
    source: 'lua5.4',
    at: 'src',
    make: ['make', '-s', '-j2', 'posix'],
    few: 20,
    variants: [
      ['gcc', ['-g', '-MD']],
      ['clang', ['-g']],
    ],
  },
  {
    source: 're2',
    at: 'vendor',
    make: ['make', '-s', '-j2', '-f', join(import.meta.dirname, '../demo/Makefile'), 'CXXFLAGS=-O0'].concat(
      verifyAll ? [] : ['FILES=6'],
    ),
    few: 6,
    variants: [['g++', ['-g', '-O1']]],
  },
];

/** On a machine with too much to do an answer may come too late for one or another compile. */
const UNSHARED = 0.1;

interface Stats {
  readonly hits: number;
  readonly storageHits: number;
  readonly local: number;
}

for (const { source, at, make, few, variants } of PROJECTS) {
  const there = need(() =>
    findSource(source) ? undefined : `no source of ${source} here (\`make sources\` fetches it)`,
  );
  describe(source, () => {
    let bed: Bed;
    let server: StorageServer | undefined;
    let calls: readonly Call[] = [];
    let tree = '';
    beforeAll(async () => {
      bed = makeBed();
      if ([there, nginx].some((needed) => needed.missing() !== undefined)) return;
      tree = join(bed.work, 'tree');
      copySource(source, tree);
      calls = sample(await recordBuild(bed, join(tree, at), make), few);
      server = await startNginx(join(bed.root, 'nginx'));
    }, 900_000);
    afterAll(async () => {
      await bed.remove();
      await server?.end();
    });
    for (const [compiler, options] of variants) {
      testWith(
        [there, nginx, tool(compiler)],
        `${compiler} ${options.join(' ')}: filled here, taken there`,
        async () => {
          const these = variant(calls, compiler, options);
          const plain = await replay(bed, tree, these, 'plain');
          const onMachine = async (name: string): Promise<Stats> => {
            const runtime = join(bed.runtimeDir, `${compiler}-${name}`);
            mkdirSync(runtime, { mode: 0o700 });
            const env = {
              HG_CACHE_DIR: join(bed.root, `cache-${compiler}-${name}`),
              HG_RUNTIME_DIR: runtime,
              HG_REMOTE_STORAGE: `${server?.url}/${compiler}`,
            };
            const options = { env: { ...bed.env, ...env } };
            await runOk([HGBUILD, 'agent', 'start'], options);
            expect(outcomeDifferences(plain, await replay(bed, tree, these, 'cached', { env })), name).toEqual([]);
            return JSON.parse((await runOk([HGBUILD, 'stats', '--json'], options)).stdout.toString()) as Stats;
          };
          const filled = await onMachine('first');
          expect(filled.storageHits).toBe(0);
          expect(filled.local).toBeGreaterThanOrEqual(these.length * (1 - UNSHARED));
          const taken = await onMachine('second');
          expect(taken.storageHits, JSON.stringify(taken)).toBeGreaterThanOrEqual(these.length * (1 - UNSHARED));
        },
      );
    }
  });
}
