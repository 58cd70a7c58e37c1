/** Ours, ccache and sccache with an empty cache each, side by side in one environment. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Bed, HGBUILD, LAUNCHER, makeBed } from '../test/bed/environment.ts';
import { run, runOk } from '../test/bed/run.ts';
import { type Runner, startRunner } from './runner.ts';
import { type Sccache, sccacheVariables, startSccache } from './sccache.ts';
import type { Stage } from './stage.ts';

export interface Contest {
  readonly bed: Bed;
  readonly runner: Runner;
  readonly quick: boolean;
  /** Its server runs; or why there is none. */
  readonly sccache: Sccache | { readonly lacks: string };
  /** Cache hits that each has counted so far. */
  hits(): Promise<{ readonly ours: number; readonly peer: number }>;
  /** Starts the agent if need be. */
  agentPid(): Promise<number>;
  /** CPU time of the agent since its start, in milliseconds. */
  agentCpuMs(): Promise<number>;
  say(text: string): void;
  /** An empty directory to work in. */
  newDirectory(name: string): string;
}

export const ours = (...argv: readonly string[]): readonly string[] => [LAUNCHER, ...argv];
export const peer = (...argv: readonly string[]): readonly string[] => ['ccache', ...argv];
export const sccached = (...argv: readonly string[]): readonly string[] => ['sccache', ...argv];

/** Fixed, so that redis compiles to the same bytes every time. */
const SOURCE_DATE_EPOCH = '1700000000';

export async function openContest({ quick, say, atEnd }: Stage): Promise<Contest> {
  const bed = makeBed({ SOURCE_DATE_EPOCH });
  atEnd(() => bed.remove());
  bed.env.CCACHE_DIR = join(bed.root, 'ccache');
  Object.assign(bed.env, await sccacheVariables(bed.root));
  const sccache = await startSccache(bed.env);
  if ('stop' in sccache) atEnd(() => sccache.stop());
  const runner = startRunner(bed.root, bed.env);
  atEnd(async () => runner.close());
  return {
    bed,
    runner,
    quick,
    say,
    sccache,
    async agentCpuMs() {
      const { stdout } = await runOk([HGBUILD, 'agent', 'status', '--json'], { env: bed.env });
      return (JSON.parse(stdout.toString()) as { cpuMs: number }).cpuMs;
    },
    hits: async () => ({ ours: (await bed.stats()).hits, peer: await ccacheHits(bed) }),
    async agentPid() {
      await runOk([HGBUILD, 'agent', 'start'], { env: bed.env });
      const [pid] = bed.agents();
      if (pid === undefined) throw new Error('the agent does not run');
      return pid;
    },
    newDirectory(name) {
      const directory = join(bed.work, name);
      mkdirSync(directory);
      return directory;
    },
  };
}

async function ccacheHits(bed: Bed): Promise<number> {
  const { stdout } = await run(['ccache', '--print-stats'], { env: bed.env });
  return Number(/^direct_cache_hit\t(\d+)$/m.exec(stdout.toString())?.[1] ?? 0);
}

/**
 * Files are believed by their time stamps only when they are a little old, by us (2 s) and by ccache (the same second):
 * what was written just now has to age before a hit is what it will be from then on.
 */
export function letFilesAge(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2500));
}
