import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fromNative } from '../base/byte-string.ts';
import { encodePlaces, encodePlan, type SandboxPlan } from './sandbox-plan.ts';
import { type HelperStatus, readAnswer } from './sandbox-status.ts';

/** One helper process with its root: runs programs one after the other. */
export interface Cell {
  readonly places: CellPlaces;
  /** It takes another plan. */
  isAlive(): boolean;
  /**
   * Runs a program; nothing of it runs any more when this settles. The cell is ended where the run is stopped or breaks.
   * Never while another run is under way.
   */
  run(plan: SandboxPlan, signal: AbortSignal): Promise<CellOutcome>;
  /** Ends it; resolves when no process of it is left. */
  end(): Promise<void>;
}

/** What stops a run from outside. */
type Stop = { readonly kind: 'limit'; readonly which: 'wall' } | { readonly kind: 'aborted' };

export type CellOutcome = HelperStatus | Stop;

export interface CellPlaces {
  /** Path of the helper program. */
  readonly nsrun: string;
  /** An existing empty directory, for nothing but to be mounted on. */
  readonly mountPoint: string;
  /** An existing directory of its own, where outputs are copied to; a native string. */
  readonly outputDirectory: string;
  /** Everything that is written in its root, in bytes. */
  readonly writtenBytes: number;
}

export function startCell(places: CellPlaces): Cell {
  const { nsrun, mountPoint, outputDirectory, writtenBytes } = places;
  const child = spawn(nsrun, [], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: {}, cwd: '/' });
  let isAlive = true;
  let hear: (answer: Buffer) => void = () => {};
  const plans = child.stdio[3] as Writable | null;
  // The other end is gone; the process's end tells the rest.
  plans?.on('error', () => {});
  const gone = endOf(child).then((why) => {
    isAlive = false;
    return why;
  });
  cutAnswers(child, (answer) => hear(answer));
  const [mounted, into] = [fromNative(mountPoint), fromNative(outputDirectory)];
  plans?.write(encodePlaces({ parentPid: process.pid, mountPoint: mounted, outputDirectory: into, writtenBytes }));
  const end = async (): Promise<void> => {
    isAlive = false;
    // The outer process takes everything with it and waits until that is gone.
    child.kill('SIGTERM');
    await gone;
  };
  const answerTo = (plan: SandboxPlan): Promise<HelperStatus> =>
    new Promise((resolve) => {
      hear = (bytes) => {
        const { status, isLast } = readAnswer(bytes, plan.outputs.length, outputDirectory);
        if (isLast) isAlive = false;
        resolve(status);
      };
      void gone.then((what) => resolve({ kind: 'broken', what }));
      plans?.write(encodePlan(plan));
    });
  return {
    places,
    isAlive: () => isAlive,
    end,
    async run(plan, signal) {
      if (signal.aborted) return { kind: 'aborted' };
      const outcome = await unlessStopped(answerTo(plan), plan.limits.wallMs, signal);
      if (outcome.kind !== 'ended' && outcome.kind !== 'killed') await end();
      return outcome;
    },
  };
}

/** Why it is gone, once it is. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let failed: string | undefined;
    child.on('error', (error) => {
      failed = error.message;
    });
    child.on('close', (code, killedBy) => resolve(failed ?? `the helper ended: ${killedBy ?? code}`));
  });
}

async function unlessStopped(
  answered: Promise<HelperStatus>,
  wallMs: number,
  signal: AbortSignal,
): Promise<CellOutcome> {
  let stop: (why: Stop) => void = () => {};
  const stopped = new Promise<Stop>((resolve) => {
    stop = resolve;
  });
  const abort = (): void => stop({ kind: 'aborted' });
  const timer = setTimeout(() => stop({ kind: 'limit', which: 'wall' }), wallMs);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([answered, stopped]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/** Cuts what the helper writes into answers, each behind its length. */
function cutAnswers(child: ChildProcess, hear: (answer: Buffer) => void): void {
  const from = child.stdio[4] as Readable | null;
  let pieces: Buffer[] = [];
  let size = 0;
  from?.on('error', () => {});
  from?.on('data', (piece: Buffer) => {
    pieces.push(piece);
    size += piece.length;
    while (size >= 4) {
      if ((pieces[0]?.length ?? 0) < 4) pieces = [Buffer.concat(pieces)];
      const end = 4 + (pieces[0] as Buffer).readUInt32LE(0);
      if (size < end) return;
      const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
      pieces = [bytes.subarray(end)];
      size -= end;
      hear(bytes.subarray(4, end));
    }
  });
}
