/**
 * `make demo`: builds RE2 and abseil again and again in the same place (plain, through the empty cache, through the full
 * one, with a grid of two workers on this machine, and as another client of that grid) and compares every object and
 * depfile with the plain compiler's. Exit status 1 if any differs.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Bed, HGBUILD, makeBed } from '../test/bed/environment.ts';
import { type Grid, startGrid } from '../test/bed/grid.ts';
import { run } from '../test/bed/run.ts';
import { fetchRe2 } from '../test/bed/sources.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from '../test/bed/tree.ts';

/** One of the builds. CPU is that of the whole process tree, the agent's included; times in milliseconds. */
interface Build {
  readonly name: string;
  /** From the cache of this client. */
  readonly hits: number;
  /** From the shared cache of the grid. */
  readonly shared: number;
  readonly remote: number;
  /** Compiled by the client itself. */
  readonly local: number;
  readonly refusals: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly tree: Tree;
}

const MAKEFILE = join(import.meta.dirname, 'Makefile');
const JOBS = availableParallelism();
const onTerminal = process.stdout.isTTY === true;
let running: ChildProcess | undefined;

/** Shows how far a build is: one changing line on a terminal, five lines anywhere else. */
function progress(name: string, total: number): { step: (file: string) => void; end: () => void } {
  let done = 0;
  const began = performance.now();
  const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  return {
    step: (file) => {
      done += 1;
      const line = `${name}: ${done}/${total} files, ${seconds()}`;
      if (onTerminal)
        process.stdout.write(`\r\u001b[K${line}  ${file.slice(0, Math.max(0, process.stdout.columns - 50))}`);
      else if (Math.floor((done * 5) / total) > Math.floor(((done - 1) * 5) / total)) console.log(line);
    },
    end: () => {
      if (onTerminal) process.stdout.write('\r\u001b[K');
    },
  };
}

/** Runs make and returns its wall time and the CPU time of its tree, which bash's `time` measures without any package. */
async function timedMake(
  bed: Bed,
  env: NodeJS.ProcessEnv,
  argv: readonly string[],
  name: string,
  total: number,
): Promise<{ wallMs: number; cpuMs: number }> {
  const shown = progress(name, total);
  const script = 'TIMEFORMAT="hg-time %R %U %S"; time "$@"';
  const child = spawn('bash', ['-c', script, 'demo', ...argv], {
    cwd: bed.work,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running = child;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('CXX ')) shown.step(line.slice(4));
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  running = undefined;
  shown.end();
  const [, wall, user, system] = /^hg-time ([\d.]+) ([\d.]+) ([\d.]+)$/m.exec(stderr) ?? [];
  if (status !== 0 || wall === undefined)
    throw new Error(`the ${name} build failed with status ${status}:\n${stderr.slice(-3000)}`);
  return { wallMs: Number(wall) * 1000, cpuMs: (Number(user) + Number(system)) * 1000 };
}

/** Through the cache: with the cache directory `cache` of its own, and the grid if there is one. */
interface Client {
  readonly cache: string;
  readonly grid: Grid | undefined;
}

/** Compiles at once on the client itself beside a grid of two workers: all cores of a small machine are shared anyway. */
const LOCAL_SLOTS = 1;

function clientEnv(bed: Bed, { cache, grid }: Client): NodeJS.ProcessEnv {
  return { ...bed.env, HG_CACHE_DIR: join(bed.root, cache), ...grid?.env(LOCAL_SLOTS) };
}

interface Counters {
  readonly hits: number;
  readonly sharedHits: number;
  readonly remoteCompiles: number;
  readonly local: number;
  readonly refused: number;
  readonly cpuMs: number;
}

async function countersOf(env: NodeJS.ProcessEnv): Promise<Counters> {
  const ask = async (...words: string[]): Promise<object> =>
    JSON.parse((await run([HGBUILD, ...words, '--json'], { env })).stdout.toString()) as object;
  return { ...(await ask('agent', 'start')), ...(await ask('stats')), ...(await ask('agent', 'status')) } as Counters;
}

/** One build into `out/`, which is then moved aside so that the next one has the same paths. */
async function build(bed: Bed, name: string, client: Client | undefined, total: number): Promise<Build> {
  const jobs = JOBS + (client?.grid === undefined ? 0 : client.grid.workers.length);
  const make = ['make', `-j${jobs}`, '-f', MAKEFILE, 'all'];
  const env = client === undefined ? bed.env : clientEnv(bed, client);
  const before = client === undefined ? undefined : await countersOf(env);
  const argv = client === undefined ? make : [HGBUILD, '--quiet', ...make];
  const { wallMs, cpuMs } = await timedMake(bed, env, argv, name, total);
  const after = client === undefined ? undefined : await countersOf(env);
  const tree = readTree(join(bed.work, 'out'), (path) => isCompilerOutput(path) || path === 'testinstall');
  renameSync(join(bed.work, 'out'), join(bed.work, `out.${name.replaceAll(/\W+/g, '-')}`));
  const change = (field: keyof Counters): number => (after?.[field] ?? 0) - (before?.[field] ?? 0);
  const [shared, remote] = [change('sharedHits'), change('remoteCompiles')];
  const counts = { hits: change('hits') - shared, shared, remote, local: change('local') - remote };
  return { name, ...counts, refusals: change('refused'), wallMs, cpuMs: cpuMs + change('cpuMs'), tree };
}

function printTable(builds: readonly Build[], files: number): void {
  const [plain] = builds;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const faster = (b: Build): string =>
    b === plain || plain === undefined ? '' : `${(plain.wallMs / b.wallMs).toFixed(1)}x`;
  const rows = [
    ['build', 'files', 'hits', 'shared', 'remote', 'local', 'refusals', 'wall', 'CPU', 'faster'],
    ...builds.map((b) => [
      b.name,
      `${files}`,
      ...(b === plain ? ['-', '-', '-', '-', '-'] : [b.hits, b.shared, b.remote, b.local, b.refusals].map(String)),
      seconds(b.wallMs),
      seconds(b.cpuMs),
      faster(b),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  console.log(`\n${rows.map((row) => line(row).trimEnd()).join('\n')}\n`);
}

/** Compares cold and warm with plain; prints what differs and the closing line. Returns whether all is identical. */
function report(builds: readonly Build[]): boolean {
  const [plain, ...cached] = builds;
  if (plain === undefined) return false;
  const isObject = (path: string): boolean => path.endsWith('.o');
  const objects = [...plain.tree.keys()].filter(isObject);
  const same = objects.filter((path) => cached.every(({ tree }) => tree.get(path) === plain.tree.get(path)));
  const differences = cached.flatMap(({ name, tree }) =>
    treeDifferences(plain.tree, tree).map((text) => `${name}: ${text}`),
  );
  for (const difference of differences.slice(0, 20)) console.log(difference);
  const identical = differences.length === 0 && objects.length > 0;
  console.log(`objects identical to plain: ${identical ? 'yes' : 'no'} (${same.length} of ${objects.length})`);
  return identical;
}

/** Whether workers can keep compiles apart here, which some containers forbid. */
function canLendCores(): boolean {
  const how = process.getuid?.() === 0 ? ['-m'] : ['-U', '-m', '-r'];
  return spawnSync('unshare', [...how, 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
}

async function demo(bed: Bed): Promise<boolean> {
  console.log('fetching RE2 and abseil (the npm package re2, once) ...');
  cpSync(join(fetchRe2(), 'vendor'), bed.work, { recursive: true, preserveTimestamps: true });
  const counted = await run(['make', '-s', '-f', MAKEFILE, 'count'], { cwd: bed.work, env: bed.env });
  const total = Number(counted.stdout.toString());
  console.log(
    `building ${total} files with g++ -O2, ${JOBS} at a time: plain, cold cache, warm cache, and with a grid`,
  );
  const builds: Build[] = [];
  const step = async (name: string, client: Client | undefined): Promise<void> => {
    const made = await build(bed, name, client, total);
    builds.push(made);
    console.log(`${name}: done in ${(made.wallMs / 1000).toFixed(1)} s`);
  };
  await step('plain', undefined);
  await step('cold cache', { cache: 'cache', grid: undefined });
  await step('warm cache', { cache: 'cache', grid: undefined });
  const grid = canLendCores() ? await startGrid(bed, { workers: 2, slots: 1 }) : undefined;
  try {
    if (grid === undefined) console.log('no grid here: a worker needs root or user namespaces');
    else {
      console.log('coordinator and two workers on this machine, with one place each; one on the client');
      await step('grid, cold', { cache: 'cache-one', grid });
      await step('grid, new client', { cache: 'cache-two', grid });
    }
  } finally {
    await grid?.end();
  }
  printTable(builds, total);
  return report(builds);
}

const bed = makeBed();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    running?.kill(signal);
    bed.remove().finally(() => process.kill(process.pid, signal));
  });
}
try {
  process.exitCode = (await demo(bed)) ? 0 : 1;
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await bed.remove();
  rmSync(bed.root, { recursive: true, force: true });
}
