/** Builds in a fresh copy of one tree at one place, through a grid or plainly, and everything to compare of them. */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { watchCompilers } from './chaos.ts';
import { type Bed, HGBUILD } from './environment.ts';
import { processesWithEnv, until } from './processes.ts';
import { run } from './run.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from './tree.ts';

export interface Built {
  readonly status: number | null;
  /** What compilers wrote. */
  readonly outputs: Tree;
  /** Names of all files in the tree. */
  readonly names: readonly string[];
  readonly stderr: string;
  /** The end of the agent's log: why compiles were done where they were. */
  readonly log: string;
  readonly wallMs: number;
  /** Compilers proper that ran outside of workers at once, sampled. */
  readonly mostLocal: number;
  readonly remote: number;
  readonly shared: number;
  readonly hits: number;
}

/** Where builds happen; objects hold the path. */
const treeOf = (bed: Bed): string => join(bed.work, 'tree');
/** What is copied there before each. */
export const pristineOf = (bed: Bed): string => join(bed.work, 'pristine');

/** Builds with `argv`; `env` as a grid gives it, or undefined for the plain compiler. */
export async function buildTree(bed: Bed, argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<Built> {
  const directory = treeOf(bed);
  rmSync(directory, { recursive: true, force: true });
  cpSync(pristineOf(bed), directory, { recursive: true, preserveTimestamps: true });
  const watch = watchCompilers(bed.root);
  const ended = await run(env === undefined ? argv : [HGBUILD, '-v', ...argv], {
    cwd: directory,
    env: { ...bed.env, ...env, HG_TEST_MARK: bed.root },
    timeoutMs: 600_000,
  });
  const stderr = ended.stderr.toString();
  const count = (pattern: RegExp): number => stderr.match(pattern)?.length ?? 0;
  return {
    status: ended.status,
    outputs: readTree(directory, isCompilerOutput),
    names: [...readTree(directory).keys()].sort(),
    stderr,
    log: readLog(env?.HG_CACHE_DIR ?? bed.cacheDir),
    wallMs: ended.wallMs,
    mostLocal: watch.end(),
    remote: count(/^\[remote /gm),
    shared: count(/^\[shared\]/gm),
    hits: count(/^\[hit\]/gm),
  };
}

function readLog(cacheDir: string): string {
  const path = join(cacheDir, 'agent.log');
  return existsSync(path) ? readFileSync(path, 'utf8').slice(-4000) : '';
}

/** Exit status 0, the plain compiler's bytes, no file and no process left behind. */
export async function expectRight(bed: Bed, plain: Built, ours: Built, when: string): Promise<void> {
  expect(ours.status, `${when}:\n${ours.stderr}`).toBe(0);
  expect(treeDifferences(plain.outputs, ours.outputs), when).toEqual([]);
  expect(ours.names, `${when}: files left behind`).toEqual(plain.names);
  const left = (): number[] =>
    processesWithEnv('HG_TEST_MARK', bed.root)
      .map(({ pid }) => pid)
      .filter((pid) => !bed.agents().includes(pid));
  expect(await until(() => left().length === 0, 5000), `${when}: left running: ${left().join(', ')}`).toBe(true);
}
