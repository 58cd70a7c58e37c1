/**
 * `make demo`: builds RE2 and abseil three times in the same place (plain, through the empty cache, through the full
 * one) and compares every object and depfile with the plain compiler's. Exit status 1 if any differs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Bed, HGBUILD, makeBed } from '../test/bed/environment.ts';
import { run } from '../test/bed/run.ts';
import { fetchRe2 } from '../test/bed/sources.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from '../test/bed/tree.ts';

/** One of the three builds. CPU is that of the whole process tree, the agent's included; times in milliseconds. */
interface Build {
  readonly name: string;
  readonly hits: number;
  readonly misses: number;
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
  argv: readonly string[],
  name: string,
  total: number,
): Promise<{ wallMs: number; cpuMs: number }> {
  const shown = progress(name, total);
  const script = 'TIMEFORMAT="hg-time %R %U %S"; time "$@"';
  const child = spawn('bash', ['-c', script, 'demo', ...argv], {
    cwd: bed.work,
    env: bed.env,
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

async function agentCpuMs(bed: Bed): Promise<number> {
  const { stdout } = await run([HGBUILD, 'agent', 'status', '--json'], { env: bed.env });
  try {
    return (JSON.parse(stdout.toString()) as { cpuMs?: number }).cpuMs ?? 0;
  } catch {
    return 0;
  }
}

/** One build into `out/`, which is then moved aside so that the next one has the same paths. */
async function build(bed: Bed, name: string, cached: boolean, total: number): Promise<Build> {
  const make = ['make', `-j${JOBS}`, '-f', MAKEFILE, 'all'];
  const before = cached ? { ...(await bed.stats()), cpuMs: await agentCpuMs(bed) } : undefined;
  const { wallMs, cpuMs } = await timedMake(bed, cached ? [HGBUILD, '--quiet', ...make] : make, name, total);
  const after = before === undefined ? undefined : { ...(await bed.stats()), cpuMs: await agentCpuMs(bed) };
  const tree = readTree(join(bed.work, 'out'), (path) => isCompilerOutput(path) || path === 'testinstall');
  renameSync(join(bed.work, 'out'), join(bed.work, `out.${name.replaceAll(' ', '-')}`));
  const change = (field: 'hits' | 'local' | 'refused' | 'cpuMs'): number =>
    (after?.[field] ?? 0) - (before?.[field] ?? 0);
  const counts = { hits: change('hits'), misses: change('local'), refusals: change('refused') };
  return { name, ...counts, wallMs, cpuMs: cpuMs + change('cpuMs'), tree };
}

function printTable(builds: readonly Build[], files: number): void {
  const [plain] = builds;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const faster = (b: Build): string =>
    b === plain || plain === undefined ? '' : `${(plain.wallMs / b.wallMs).toFixed(1)}x`;
  const rows = [
    ['build', 'files', 'hits', 'misses', 'refusals', 'wall', 'CPU', 'faster'],
    ...builds.map((b) => [
      b.name,
      `${files}`,
      ...(b === plain ? ['-', '-', '-'] : [`${b.hits}`, `${b.misses}`, `${b.refusals}`]),
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

async function demo(bed: Bed): Promise<boolean> {
  console.log('fetching RE2 and abseil (the npm package re2, once) ...');
  cpSync(join(fetchRe2(), 'vendor'), bed.work, { recursive: true, preserveTimestamps: true });
  const counted = await run(['make', '-s', '-f', MAKEFILE, 'count'], { cwd: bed.work, env: bed.env });
  const total = Number(counted.stdout.toString());
  console.log(`building ${total} files with g++ -O2, ${JOBS} at a time, three times: plain, cold cache, warm cache`);
  const builds: Build[] = [];
  for (const [name, cached] of [
    ['plain', false],
    ['cold cache', true],
    ['warm cache', true],
  ] as const) {
    builds.push(await build(bed, name, cached, total));
    const { wallMs } = builds.at(-1) ?? { wallMs: 0 };
    console.log(`${name}: done in ${(wallMs / 1000).toFixed(1)} s`);
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
