/**
 * Real sources through a grid: all compiles on workers, then another user with an empty cache, then compiles here and
 * there at once. Objects, depfiles and messages are the plain compiler's every time. `make verify-grid` runs all files
 * of redis, Lua and RE2; `make test` some of each.
 */
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Bed, type CacheStats, HGBUILD, makeBed } from './bed/environment.ts';
import { type Grid, startGrid } from './bed/grid.ts';
import { listenersBelow, signalProcess, until } from './bed/processes.ts';
import {
  type Call,
  type Client,
  type Outcome,
  outcomeDifferences,
  recordBuild,
  replay,
  variant,
} from './bed/recorded-build.ts';
import { runOk } from './bed/run.ts';
import { copySource, findSource, type SourceName } from './bed/sources.ts';
import { mounts, need, root, testWith, tool } from './bed/tools.ts';
import { sample, verifyAll } from './bed/verify.ts';

const NOBODY = 65534;
/** Calls at once: more than the places of the grid, so that some wait. */
const JOBS = 4;
/** Of a hundred: conditions under which another client's result is not offered (a directory that was just written). */
const UNSHARED = 10;

interface Project {
  readonly source: SourceName;
  /** Where its build is started, below the source. */
  readonly at: string;
  readonly make: readonly string[];
  /** How many of its files `make test` takes. */
  readonly few: number;
  readonly variants: readonly (readonly [compiler: string, options: readonly string[]])[];
}

const PROJECTS: readonly Project[] = [
  {
    source: 'lua5.4',
    at: 'src',
    make: ['make', '-s', '-j2', 'posix'],
    few: 8,
    variants: [
      ['gcc', ['-g', '-MD']],
      ['clang', ['-g', '-MD']],
    ],
  },
  {
    source: 'redis',
    at: '.',
    make: ['make', '-s', '-j2', 'MALLOC=libc', 'OPTIMIZATION=-O0', 'REDIS_LDFLAGS=-O0'],
    few: 8,
    variants: [
      ['gcc', ['-g', '-MD']],
      ['gcc', []],
      ['gcc', ['-g', '-O2', '-march=native', '-frecord-gcc-switches']],
      ['clang', ['-g', '-MD']],
    ],
  },
  {
    source: 're2',
    at: 'vendor',
    make: [
      'make',
      '-s',
      '-j2',
      '-f',
      join(import.meta.dirname, '../demo/Makefile'),
      'CXXFLAGS=-O0',
      ...(verifyAll ? [] : ['FILES=6']),
    ],
    few: 6,
    variants: [
      ['g++', ['-g', '-O1']],
      ['clang++', ['-g', '-O1']],
      ['clang++', ['-g', '-O2', '-march=native']],
    ],
  },
];

for (const project of PROJECTS) {
  const source = need(() =>
    findSource(project.source) ? undefined : `no source of ${project.source} here (\`make sources\` fetches it)`,
  );
  describe(project.source, () => {
    let bed: Bed;
    let grid: Grid;
    let calls: readonly Call[] = [];
    let tree = '';
    beforeAll(async () => {
      bed = makeBed({ SOURCE_DATE_EPOCH: '1700000000' });
      if ([source, root, mounts, tool('setpriv')].some((needed) => needed.missing() !== undefined)) return;
      tree = join(bed.work, 'tree');
      copySource(project.source, tree);
      calls = sample(await recordBuild(bed, join(tree, project.at), project.make), project.few);
      grid = await startGrid(bed, { workers: 2 });
      await openToOthers(bed, tree);
    }, 900_000);
    afterAll(async () => {
      await grid?.end();
      await bed.remove();
    });
    for (const [n, [compiler, options]] of project.variants.entries()) {
      testWith(
        [source, root, mounts, tool(compiler), tool('setpriv')],
        `${compiler} ${options.join(' ')}: all remote, shared with another user, here and there`,
        () => verifyThroughGrid({ bed, grid, tree, name: `v${n}` }, variant(calls, compiler, options)),
        3_600_000,
      );
    }
  });
}

interface Place {
  readonly bed: Bed;
  readonly grid: Grid;
  readonly tree: string;
  readonly name: string;
}

async function verifyThroughGrid({ bed, grid, tree, name }: Place, calls: readonly Call[]): Promise<void> {
  expect(calls.length).toBeGreaterThan(0);
  const plain = await replay(bed, tree, calls, 'plain');
  const check = async (what: string, client: Client): Promise<CacheStats & GridStats> => {
    const found = await replay(bed, tree, calls, 'cached', { ...client, jobs: JOBS });
    expect(outcomeDifferences(plain, ownedByRoot(found)), what).toEqual([]);
    const asked = [...(client.before ?? []), HGBUILD, 'stats', '--json'];
    const { stdout } = await runOk(asked, { env: { ...bed.env, ...client.env } });
    return JSON.parse(stdout.toString()) as CacheStats & GridStats;
  };
  const most = Math.floor((calls.length * (100 - UNSHARED)) / 100);
  const cacheOf = (who: string): NodeJS.ProcessEnv => ({ HG_CACHE_DIR: join(bed.root, `cache-${who}-${name}`) });
  const remote = await check('all remote', { env: { ...grid.env(0), ...cacheOf('first') } });
  // The cache was empty: its hits are calls that the build makes twice, where the first had come back already.
  expect(remote.remoteCompiles + remote.hits, whyNot(remote)).toBeGreaterThanOrEqual(most);
  expect(remote.remoteCompiles).toBeGreaterThan(0);
  const other = await otherUser(bed, name);
  const shared = await check('shared with another user', { ...other, env: { ...grid.env(0), ...other.env } });
  expect(shared.sharedHits, whyNot(shared)).toBeGreaterThanOrEqual(most);
  await endAgentsIn(String(other.env?.HG_RUNTIME_DIR));
  const mixed = await check('here and there', { env: { ...grid.env(1), ...cacheOf('mixed'), HG_RECACHE: '1' } });
  expect(mixed.remoteCompiles, JSON.stringify(mixed)).toBeGreaterThan(0);
  expect(mixed.local, JSON.stringify(mixed)).toBeGreaterThan(0);
  expect([remote.badBlobs, shared.badBlobs, mixed.badBlobs]).toEqual([0, 0, 0]);
}

/** What another user compiles belongs to them, with the plain compiler as well. */
function ownedByRoot(outcome: Outcome): Outcome {
  const tree = [...outcome.tree].map(([path, text]) => [path, text.replace(` owner ${NOBODY} `, ' owner 0 ')] as const);
  return { ...outcome, tree: new Map(tree) };
}

/** The counters, and what the agent says of compiles that were not done elsewhere. */
function whyNot(stats: CacheStats & GridStats): string {
  const log = readFileSync(join(stats.cacheDir, 'agent.log'), 'utf8').split('\n');
  return [JSON.stringify(stats), ...log.filter((line) => line.includes('"why"'))].join('\n');
}

interface GridStats {
  readonly cacheDir: string;
  readonly remoteCompiles: number;
  readonly sharedHits: number;
  readonly badBlobs: number;
}

/** Another user may read the sources and write beside them; the coordinator's token was given to them. */
async function openToOthers(bed: Bed, tree: string): Promise<void> {
  chmodSync(bed.root, 0o755);
  chmodSync(bed.work, 0o755);
  await runOk(['chmod', '-R', 'a+rwX', tree]);
}

/** A client that shares nothing with the first but the grid. */
async function otherUser(bed: Bed, name: string): Promise<Client> {
  const home = join(bed.root, `other-${name}`);
  for (const path of [home, join(home, 'run')]) mkdirSync(path, { mode: 0o700 });
  copyFileSync(join(bed.root, 'token'), join(home, 'token'));
  for (const path of ['', 'run', 'token']) chownSync(join(home, path), NOBODY, NOBODY);
  const env = {
    HOME: home,
    HG_CACHE_DIR: join(home, 'cache'),
    HG_RUNTIME_DIR: join(home, 'run'),
    HG_TOKEN_FILE: join(home, 'token'),
  };
  return { env, before: ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] };
}

async function endAgentsIn(directory: string): Promise<void> {
  const running = (): number[] => listenersBelow(directory).map(({ pid }) => pid);
  for (const pid of running()) signalProcess(pid, 'SIGTERM');
  await until(() => readdirSync(directory).length === 0 || running().length === 0, 3_000);
}
