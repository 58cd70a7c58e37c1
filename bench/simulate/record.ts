/**
 * Records what the simulator replays: `node bench/simulate/record.ts`. Every compile of redis and of RE2 with abseil runs
 * alone, one after the other, and its CPU time (user and system, the driver and its children) is written down, in
 * milliseconds, to bench/simulate/durations.json. Some ten minutes on one core; needs `make sources`.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { type Bed, makeBed } from '../../test/bed/environment.ts';
import { type Call, recordBuild } from '../../test/bed/recorded-build.ts';
import { runOk } from '../../test/bed/run.ts';
import { copySource, fetchRe2 } from '../../test/bed/sources.ts';
import { startRunner } from '../runner.ts';
import type { Recording } from './recording.ts';

const OUT = join(import.meta.dirname, 'durations.json');
const MAKEFILE = join(import.meta.dirname, '../../demo/Makefile');

interface Work {
  readonly project: string;
  readonly directory: string;
  readonly calls: readonly Call[];
}

/** The whole build once, because half of redis includes headers that it makes. */
async function layRedis(bed: Bed): Promise<Work> {
  const directory = join(bed.work, 'redis');
  copySource('redis', directory);
  const calls = await recordBuild(bed, directory, ['make', '-s', '-j2', 'MALLOC=libc']);
  return { project: 'redis 7.0.15, make MALLOC=libc', directory, calls };
}

async function layRe2(bed: Bed): Promise<Work> {
  const directory = join(bed.work, 're2');
  cpSync(join(fetchRe2(), 'vendor'), directory, { recursive: true, preserveTimestamps: true });
  const { stdout } = await runOk(['make', '-n', '-f', MAKEFILE, 'objects'], { cwd: directory, env: bed.env });
  const lines = stdout.toString().split('\n');
  const calls = lines
    .filter((line) => line.startsWith('g++ '))
    .map((line) => {
      const [compiler = '', ...args] = line.split(' ');
      return { cwd: directory, compiler, args };
    });
  for (const { args } of calls) mkdirSync(join(directory, dirname(args.at(-1) ?? '')), { recursive: true });
  return { project: 'RE2 and abseil of re2@1.24.0, demo/Makefile', directory, calls };
}

const sourceOf = ({ args }: Call): string => args.find((arg) => /\.(c|cc|cpp|S)$/.test(arg)) ?? '';

async function measure(bed: Bed, { project, directory, calls }: Work): Promise<Recording['projects'][number]> {
  const runner = startRunner(bed.root, bed.env);
  const cpuMs: Record<string, number> = {};
  try {
    for (const [i, call] of calls.entries()) {
      const [cost] = await runner.run([{ argv: [call.compiler, ...call.args], cwd: call.cwd }]);
      cpuMs[relative(directory, join(call.cwd, sourceOf(call)))] = Math.round(cost?.cpuMs ?? 0);
      if ((i + 1) % 20 === 0) console.log(`${project}: ${i + 1} of ${calls.length}`);
    }
  } finally {
    runner.close();
  }
  return { project, cpuMs };
}

const bed = makeBed({ SOURCE_DATE_EPOCH: '1700000000' });
try {
  const { stdout } = await runOk(['gcc', '--version'], { env: bed.env });
  const projects: Recording['projects'][number][] = [];
  for (const lay of [layRedis, layRe2]) projects.push(await measure(bed, await lay(bed)));
  const recording: Recording = {
    recorded: new Date().toISOString().slice(0, 10),
    compiler: stdout.toString().split('\n')[0] ?? '',
    processor: cpus()[0]?.model ?? '',
    projects,
  };
  writeFileSync(OUT, `${JSON.stringify(recording, null, 2)}\n`);
} finally {
  await bed.remove();
}
