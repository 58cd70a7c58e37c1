import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fromNative } from '../base/byte-string.ts';
import { encodePlan, type SandboxPlan } from './sandbox-plan.ts';
import { type CopiedOutput, readStatus } from './sandbox-status.ts';

/** How a run ended. Only `ended` says anything about the program. */
export type SandboxOutcome =
  | {
      readonly kind: 'ended';
      readonly exitCode: number;
      readonly stdout: Buffer;
      readonly stderr: Buffer;
      /** In the order of the plan. */
      readonly outputs: readonly CopiedOutput[];
      /** The program with all its children. */
      readonly cpuMs: number;
      readonly wallMs: number;
    }
  /** The program was ended by a signal, which the kernel sends for some limits, too. */
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'limit'; readonly which: 'wall' | 'stdout' | 'stderr' }
  | { readonly kind: 'aborted' }
  /** The sandbox could not be made, or was destroyed. */
  | { readonly kind: 'broken'; readonly what: string };

export interface Sandbox {
  /**
   * Runs a program. When this settles, every process of the run is gone.
   * @param outputDirectory an existing empty directory; the caller removes it
   */
  run(plan: SandboxPlan, outputDirectory: string, signal: AbortSignal): Promise<SandboxOutcome>;
}

export interface SandboxOptions {
  /** Path of the helper program, `build/hg-nsrun`. */
  readonly nsrun: string;
  /** An existing empty directory, for nothing but to be mounted on. */
  readonly mountPoint: string;
}

/** What stopped a run from outside. */
type Stop = Extract<SandboxOutcome, { kind: 'limit' | 'aborted' }>;

/** A sandbox made anew for each run by a helper process. */
export function namespaceSandbox({ nsrun, mountPoint }: SandboxOptions): Sandbox {
  return {
    run(plan, outputDirectory, signal) {
      if (signal.aborted) return Promise.resolve({ kind: 'aborted' });
      const bytes = encodePlan(plan, {
        parentPid: process.pid,
        mountPoint: fromNative(mountPoint),
        outputDirectory: fromNative(outputDirectory),
      });
      const child = spawn(nsrun, [], { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'], env: {}, cwd: '/' });
      return watch(child, bytes, plan, outputDirectory, signal);
    },
  };
}

function watch(
  child: ChildProcess,
  plan: Buffer,
  { limits, outputs }: SandboxPlan,
  outputDirectory: string,
  signal: AbortSignal,
): Promise<SandboxOutcome> {
  return new Promise((resolve) => {
    let stopped: Stop | undefined;
    let failed: string | undefined;
    // The outer process alone: the kernel ends everything inside with it.
    const stop = (why: Stop): void => {
      stopped ??= why;
      child.kill('SIGKILL');
    };
    const abort = (): void => stop({ kind: 'aborted' });
    const timer = setTimeout(() => stop({ kind: 'limit', which: 'wall' }), limits.wallMs);
    signal.addEventListener('abort', abort, { once: true });
    const overflow = (which: 'stdout' | 'stderr') => () => stop({ kind: 'limit', which });
    const stdout = collect(child.stdout, limits.streamBytes, overflow('stdout'));
    const stderr = collect(child.stderr, limits.streamBytes, overflow('stderr'));
    const status = collect(child.stdio[4] as Readable | null, STATUS_BYTES, () => {});
    sendPlan(child.stdio[3] as Writable | null, plan);
    child.on('error', (error) => {
      failed = error.message;
    });
    child.on('close', (code, killedBy) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (stopped !== undefined) return resolve(stopped);
      if (failed !== undefined) return resolve({ kind: 'broken', what: failed });
      const told = readStatus(status(), outputs.length, outputDirectory);
      if (told.kind === 'cut-short') return resolve({ kind: 'broken', what: `the helper ended: ${killedBy ?? code}` });
      resolve(told.kind === 'ended' ? { ...told, stdout: stdout(), stderr: stderr() } : told);
    });
  });
}

/** A line per output. */
const STATUS_BYTES = 1 << 20;

/** Gathers up to `limit` bytes, and what is beyond them is said once and dropped. */
function collect(stream: Readable | null, limit: number, overflow: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    if (size > limit) return;
    size += chunk.length;
    if (size > limit) overflow();
    else chunks.push(chunk);
  });
  // The other end is gone; the process's end tells the rest.
  stream?.on('error', () => {});
  return () => Buffer.concat(chunks);
}

function sendPlan(stream: Writable | null, plan: Buffer): void {
  stream?.on('error', () => {});
  stream?.end(plan);
}
