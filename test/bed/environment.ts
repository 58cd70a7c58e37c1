/** A place of its own for every test: cache, socket directory, home and scratch, all gone afterwards. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenersBelow, processNow, signalProcess, until } from './processes.ts';
import { run } from './run.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The native launcher: `LAUNCHER gcc ARGS` compiles through the cache. */
export const LAUNCHER = join(ROOT, 'build/hg-launcher');
export const HGBUILD = join(ROOT, 'bin/hgbuild');

export interface Bed {
  /** Everything of this bed lies below it. */
  readonly root: string;
  /** An empty directory to work in. */
  readonly work: string;
  readonly cacheDir: string;
  readonly runtimeDir: string;
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Process ids of the agents that listen in this bed, stopped ones included. */
  agents(): number[];
  /** Counters as `hgbuild stats --json` prints them. */
  stats(): Promise<CacheStats>;
  /** Waits until the agent has stored what it has in hand. */
  flush(): Promise<void>;
  /** Ends the agents and removes the bed. Throws if an agent does not go. */
  remove(): Promise<void>;
}

/** What the tests read of `hgbuild stats --json`. */
export interface CacheStats {
  readonly compiles: number;
  readonly hits: number;
  readonly local: number;
  readonly refused: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly notCompiles: number;
}

/** Variables of ours, of make, of other caches, of the test runner, and what decides about colour. */
const OURS_AND_OTHERS = /^(HG_|CCACHE|MAKE|MFLAGS|VITEST|npm_|NODE_OPTIONS$|NO_COLOR$|FORCE_COLOR$|CLICOLOR)/;

/** The caller's environment without anything of ours and of other compiler caches. */
export function cleanEnv(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (OURS_AND_OTHERS.test(name)) delete env[name];
  }
  return env;
}

export function makeBed(extraEnv: NodeJS.ProcessEnv = {}): Bed {
  // Short, because a socket's path has at most 107 bytes.
  const root = mkdtempSync(join(tmpdir(), 'hgt-'));
  const at = (name: string): string => join(root, name);
  for (const name of ['work', 'home']) mkdirSync(at(name));
  mkdirSync(at('run'), { mode: 0o700 });
  const env = { ...cleanEnv(), HOME: at('home'), HG_CACHE_DIR: at('cache'), HG_RUNTIME_DIR: at('run'), ...extraEnv };
  const runtimeDir = env.HG_RUNTIME_DIR;
  const agents = (): number[] => listenersBelow(runtimeDir).map(({ pid }) => pid);
  const hgbuildJson = async (...args: string[]): Promise<unknown> => {
    const { stdout, stderr, status } = await run([HGBUILD, ...args, '--json'], { env });
    if (status !== 0) throw new Error(`hgbuild ${args.join(' ')}: status ${status}\n${stderr.toString()}`);
    return JSON.parse(stdout.toString());
  };
  return {
    root,
    work: at('work'),
    cacheDir: env.HG_CACHE_DIR,
    runtimeDir,
    home: at('home'),
    env,
    agents,
    stats: async () => (await hgbuildJson('stats')) as CacheStats,
    flush: async () => {
      await hgbuildJson('stats');
    },
    remove: async () => {
      await endAgents(agents);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Asks the agents to go, then insists: a stopped one hears nothing polite. Their sockets close before they are done. */
async function endAgents(agents: () => number[]): Promise<void> {
  const pids = agents();
  const gone = (): boolean => pids.every((pid) => (processNow(pid)?.state ?? 'Z') === 'Z');
  for (const pid of pids) signalProcess(pid, 'SIGTERM');
  if (await until(gone, 3000)) return;
  for (const pid of pids) signalProcess(pid, 'SIGKILL');
  if (!(await until(gone, 3000))) throw new Error(`agents ${pids.join(', ')} do not end`);
}
