import type { RefusalReason } from '../base/refusal.ts';

/**
 * What the command line tool asks of a running agent, as JSON over the agent's socket. Field names are stable:
 * they are what `--json` prints.
 */
export type ControlRequest =
  | { readonly op: 'status' }
  /** Ends the agent after it has stored what it has in hand and written its counters. */
  | { readonly op: 'stop' }
  /** Stores what is in hand and writes the counters to disk, so that reading the files tells everything. */
  | { readonly op: 'flush' }
  /** The counters of one wrapped build (`HG_SESSION`). */
  | { readonly op: 'session'; readonly session: string }
  | { readonly op: 'explain'; readonly command: ExplainCommand };

/** A compiler call to explain: native strings. `argv[0]` is the compiler, absolute. */
export interface ExplainCommand {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface AgentStatus {
  readonly pid: number;
  readonly version: string;
  readonly socket: string;
  readonly cacheDir: string;
  readonly startedAt: string;
  readonly requests: number;
  readonly connections: number;
  /** Results being stored now. */
  readonly storing: number;
  /** Results on their way to a remote storage, or waiting for it. */
  readonly uploading: number;
  /** Deliveries that wait to be compiled again and compared. */
  readonly verifying: number;
  readonly memoryBytes: number;
  /** CPU time used by the agent since its start, in milliseconds. */
  readonly cpuMs: number;
  readonly idleExitSeconds: number;
  /** Compiles that run on this machine now while there is a grid, and how many `local_slots: auto` would run. */
  readonly localCompiles: number;
  readonly localAuto: number;
}

/** The counters of one session. `hits + local + refused` is `compiles`; calls that compile nothing are apart. */
export interface SessionCounters {
  readonly compiles: number;
  readonly hits: number;
  /** Compiled here because the cache had no answer. */
  readonly local: number;
  /** Compiled on a worker. */
  readonly remote: number;
  /** Compiled here because the call cannot be cached. */
  readonly refused: number;
  readonly refusals: Readonly<Partial<Record<RefusalReason, number>>>;
  /** Links, preprocessing and the like, which were simply run. */
  readonly notCompiles: number;
  /** Compile time that the hits did not take, in milliseconds. */
  readonly savedMs: number;
}

/** One thing that differs between this call and the nearest stored result. Values are readable text or digests. */
export interface Difference {
  readonly what: 'input' | 'absent-file' | 'option' | 'environment' | 'compiler' | 'directory' | 'other';
  readonly name: string;
  readonly before: string;
  readonly now: string;
}

export type Explanation =
  | { readonly verdict: 'hit'; readonly key: string; readonly inputs: readonly string[]; readonly storedAt: string }
  | {
      readonly verdict: 'miss';
      readonly key: string;
      /** Empty where nothing like this call was ever stored. */
      readonly differences: readonly Difference[];
    }
  | { readonly verdict: 'refused'; readonly reason: RefusalReason; readonly meaning: string; readonly detail: string }
  | { readonly verdict: 'not-a-compile' };

export type ControlReply =
  | { readonly ok: true; readonly status: AgentStatus }
  | { readonly ok: true; readonly session: SessionCounters }
  | { readonly ok: true; readonly explanation: Explanation }
  | { readonly ok: true }
  | { readonly ok: false; readonly error: string };
