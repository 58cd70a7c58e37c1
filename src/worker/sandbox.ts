import { mkdirSync, rmSync } from 'node:fs';
import { type Cell, type CellOutcome, startCell } from './cell.ts';
import type { SandboxPlan } from './sandbox-plan.ts';
import type { CopiedOutput } from './sandbox-status.ts';
import { textFiles } from './text-files.ts';

/** How a run ended. Only `ended` says anything about the program. */
export type SandboxOutcome =
  | {
      readonly kind: 'ended';
      readonly exitCode: number;
      readonly stdout: Buffer;
      readonly stderr: Buffer;
      /** In the order of the plan. They stay where they are until `release`. */
      readonly outputs: readonly CopiedOutput[];
      /** The program with all its children. */
      readonly cpuMs: number;
      readonly wallMs: number;
      /** Gives the root to the next run. */
      release(): void;
    }
  /** The program was ended by a signal, which the kernel sends for some limits, too. */
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'limit'; readonly which: 'wall' | 'stdout' | 'stderr' }
  | { readonly kind: 'aborted' }
  /** The sandbox could not be made, or was destroyed. */
  | { readonly kind: 'broken'; readonly what: string };

export interface Sandbox {
  /** Runs a program. When this settles, every process of the run is gone. */
  run(plan: SandboxPlan, signal: AbortSignal): Promise<SandboxOutcome>;
  /** Ends everything that is kept. Not while something runs. */
  close(): Promise<void>;
}

export interface SandboxOptions {
  /** Path of the helper program, `build/hg-nsrun`. */
  readonly nsrun: string;
  /** An existing empty directory, for nothing but to be mounted on. */
  readonly mountPoint: string;
  /** An existing directory for what programs write; a native string. */
  readonly directory: string;
}

/** How long a root that nobody needs is kept; in milliseconds. A build needs it again within moments. */
const IDLE_MS = 30_000;
/** Roots kept beside those in use: two processes of a megabyte each, and their mounts. */
const MAX_IDLE = 32;

interface Kept {
  readonly home: string;
  readonly cell: Cell;
  readonly since: number;
}

/** Sandboxes made by helper processes, one for each run at a time, used again for runs of the same home. */
export function namespaceSandbox({ nsrun, mountPoint, directory }: SandboxOptions): Sandbox {
  const texts = textFiles(directory);
  let made = 0;
  let idle: Kept[] = [];
  let sweeper: NodeJS.Timeout | undefined;
  const end = async ({ cell }: { cell: Cell }): Promise<void> => {
    await cell.end();
    rmSync(cell.places.outputDirectory, { recursive: true, force: true });
  };
  const endIf = (isOver: (kept: Kept, i: number) => boolean): void => {
    const over = idle.filter(isOver);
    idle = idle.filter((kept) => !over.includes(kept));
    for (const kept of over) void end(kept);
  };
  const sweep = (): void => {
    endIf(({ since }) => Date.now() - since >= IDLE_MS);
    sweeper = idle.length === 0 ? undefined : setTimeout(sweep, IDLE_MS).unref();
  };
  const keep = (home: string, cell: Cell): void => {
    if (!cell.isAlive()) return void end({ cell });
    idle.push({ home, cell, since: Date.now() });
    endIf((_, i) => i < idle.length - MAX_IDLE);
    sweeper ??= setTimeout(sweep, IDLE_MS).unref();
  };
  const start = (plan: SandboxPlan): Cell => {
    made += 1;
    const outputDirectory = `${directory}/${made}`;
    mkdirSync(outputDirectory, { mode: 0o700 });
    return startCell({ nsrun, mountPoint, outputDirectory, writtenBytes: plan.limits.writtenBytes });
  };
  const takeIdle = (plan: SandboxPlan): Cell | undefined => {
    // The one used last is most like what is wanted now.
    const found = idle.findLast(
      ({ home, cell }) => home === plan.home && cell.places.writtenBytes === plan.limits.writtenBytes,
    );
    idle = idle.filter((kept) => kept !== found);
    return found?.cell;
  };
  return {
    async run(wanted, signal) {
      if (signal.aborted) return { kind: 'aborted' };
      const plan = texts.laid(wanted);
      const used = takeIdle(plan);
      let cell = used ?? start(plan);
      let outcome = await cell.run(plan, signal);
      // Killed while nobody needed it, or grown crooked: that says nothing of this run.
      if (used !== undefined && outcome.kind === 'broken') {
        void end({ cell });
        cell = start(plan);
        outcome = await cell.run(plan, signal);
      }
      return settled(outcome, () => keep(plan.home, cell));
    },
    async close() {
      clearTimeout(sweeper);
      const over = idle;
      idle = [];
      await Promise.all(over.map(end));
    },
  };
}

function settled(outcome: CellOutcome, release: () => void): SandboxOutcome {
  if (outcome.kind === 'ended') return { ...outcome, release };
  release();
  return outcome;
}
