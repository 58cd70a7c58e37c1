/** A bed with a grid for every test of a file; both are gone afterwards, whatever the test did. */
import { afterEach, beforeEach } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './environment.ts';
import { type Grid, type GridPlan, startGrid } from './grid.ts';
import { pristineOf } from './grid-builds.ts';
import { runOk } from './run.ts';
import { mounts, type Need, root, tool } from './tools.ts';
import { type Files, layFiles } from './twin.ts';

/** What workers need, and builds with make. */
export const GRID_NEEDS: readonly Need[] = [root, mounts, tool('make'), tool('gcc')];

export interface GridBed {
  readonly bed: Bed;
  /**
   * Starts a grid, and the agent ahead of a build: with many launchers beside it, it may take more than the two seconds
   * that they wait where the machine has other work, and this is not what every test is about.
   */
  start(plan: GridPlan): Promise<Grid>;
  /** To be done after the test and after its grid has ended; the last first. */
  undo(step: () => void | Promise<void>): void;
  /** For these variables: on a machine that is busy a launcher does not wait for an agent that only just starts. */
  startAgent(env: NodeJS.ProcessEnv): Promise<void>;
  /** Lays a project of these files whose Makefile runs this one command. */
  lay(files: Files, command: string): void;
}

/** To be called once, at the head of a file of tests. */
export function useGridBed(): GridBed {
  let bed: Bed | undefined;
  let grid: Grid | undefined;
  let steps: (() => void | Promise<void>)[] = [];
  beforeEach(() => {
    bed = makeBed();
    steps = [];
  });
  afterEach(async () => {
    await grid?.end();
    grid = undefined;
    for (const step of steps.reverse()) await step();
    await bed?.remove();
    bed = undefined;
  });
  const current = (): Bed => {
    if (bed === undefined) throw new Error('there is a bed during a test only');
    return bed;
  };
  const startAgent = async (env: NodeJS.ProcessEnv): Promise<void> => {
    await runOk([HGBUILD, 'agent', 'start'], { env: { ...current().env, ...env } });
  };
  return {
    get bed() {
      return current();
    },
    startAgent,
    async start(plan) {
      grid = await startGrid(current(), plan);
      await startAgent(grid.env(0));
      return grid;
    },
    undo: (step) => void steps.push(step),
    lay(files, command) {
      layFiles(pristineOf(current()), { ...files, Makefile: `all:\n\t@${command}\n` });
    },
  };
}
