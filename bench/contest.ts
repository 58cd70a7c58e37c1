/** Ours and ccache with an empty cache each, side by side in one environment. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Bed, HGBUILD, LAUNCHER, makeBed } from '../test/bed/environment.ts';
import { run, runOk } from '../test/bed/run.ts';
import { type Runner, startRunner } from './runner.ts';

export interface Contest {
  readonly bed: Bed;
  readonly runner: Runner;
  /** Fewer rounds and files: for a look while working on it, not for figures to be quoted. */
  readonly quick: boolean;
  /** Cache hits that each has counted so far. */
  hits(): Promise<{ readonly ours: number; readonly peer: number }>;
  /** Starts the agent if need be. */
  agentPid(): Promise<number>;
  /** CPU time of the agent since its start, in milliseconds. */
  agentCpuMs(): Promise<number>;
  say(text: string): void;
  /** An empty directory to work in. */
  newDirectory(name: string): string;
  /** Ends what runs. */
  stop(): Promise<void>;
  /** Ends what runs and removes all files. */
  end(): Promise<void>;
}

export const ours = (...argv: readonly string[]): readonly string[] => [LAUNCHER, ...argv];
export const peer = (...argv: readonly string[]): readonly string[] => ['ccache', ...argv];

/** Fixed, so that redis compiles to the same bytes every time. */
const SOURCE_DATE_EPOCH = '1700000000';

export function openContest(quick: boolean, say: (text: string) => void): Contest {
  const bed = makeBed({ SOURCE_DATE_EPOCH });
  bed.env.CCACHE_DIR = join(bed.root, 'ccache');
  const runner = startRunner(bed.root, bed.env);
  return {
    bed,
    runner,
    quick,
    say,
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
    async stop() {
      runner.close();
      await run([HGBUILD, 'agent', 'stop'], { env: bed.env });
    },
    async end() {
      runner.close();
      await bed.remove();
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
