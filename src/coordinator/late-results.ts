import type { Digest } from '../base/digest.ts';
import type { CompileResult } from '../contract/generated/hybridgrid/v1/build.ts';
import { acceptResult, isSelfContained } from './accept-result.ts';
import type { ActionCache } from './action-cache.ts';
import type { BlobService } from './blob-service.ts';

/**
 * Results that were proved and answered, and are written to the shared cache when the grid has nothing better to do: while
 * a build runs, the coordinator's processor is often a worker's too. What is lost with the process is an entry of a cache.
 */
export interface LateResults {
  /**
   * Takes a result that was proved. One whose contents are not all inside it is stored before this resolves, for its
   * blobs could be evicted meanwhile. The first result of an action stays. Failures are not kept.
   */
  keep(action: Digest, result: CompileResult): Promise<void>;
  /** Resolves when nothing waits under this action any more: what could be stored is found in the action cache. */
  settle(action: Digest): Promise<void>;
  /** Results that wait and are not yet in the action cache. */
  readonly unstored: number;
  /** Stores all that waits. */
  flush(): Promise<void>;
  /** Ends waiting for an idle moment; what waits stays until {@link LateResults.flush}. */
  stop(): void;
}

export interface LateResultsOptions {
  readonly blobs: BlobService;
  readonly actions: ActionCache;
  /** Whether compiles are under way. */
  readonly isBusy: () => boolean;
  /** The most that waits; beyond it the oldest are stored at once. */
  readonly limits?: { readonly results: number; readonly bytes: number } | undefined;
  /** So long nothing was under way before anything is stored; in milliseconds. */
  readonly quietMs?: number | undefined;
  readonly log: (message: string, details: object) => void;
}

/** 512 results of a usual size are some 10 MiB. */
const LIMITS = { results: 512, bytes: 32 << 20 };
/** Longer than the pauses within a build, shorter than the way of a person to the next one. */
const QUIET_MS = 500;

interface Waiting {
  readonly result: CompileResult;
  readonly bytes: number;
  /** Set once it is being stored. */
  storing: Promise<void> | undefined;
}

/** Keeps results for a quieter moment. */
export function startLateResults(options: LateResultsOptions): LateResults {
  const { actions, isBusy, limits = LIMITS, quietMs = QUIET_MS, log } = options;
  /** Oldest first. */
  const waiting = new Map<Digest, Waiting>();
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function settle(action: Digest): Promise<void> {
    const late = waiting.get(action);
    if (late === undefined) return Promise.resolve();
    late.storing ??= store(action, late.result, options)
      .catch((error: unknown) => log('a result could not be stored', { action, error: String(error) }))
      .finally(() => {
        waiting.delete(action);
        bytes -= late.bytes;
      });
    return late.storing;
  }

  async function settleOldest(): Promise<void> {
    const [oldest] = waiting.keys();
    if (oldest !== undefined) await settle(oldest);
  }

  /** One after another, and others are served in between. */
  async function storeWhileIdle(): Promise<void> {
    while (waiting.size > 0 && !isStopped && !isBusy()) {
      await settleOldest();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (waiting.size > 0) waitForQuiet();
  }

  function waitForQuiet(): void {
    if (isStopped) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      if (isBusy()) waitForQuiet();
      else void storeWhileIdle();
    }, quietMs);
    timer.unref();
  }

  return {
    async keep(action, result) {
      if (result.exitCode !== 0) return;
      if (!isSelfContained(result)) {
        await settle(action);
        await actions.store(action, result);
        return;
      }
      if (waiting.has(action)) return;
      const size = bytesOf(result);
      waiting.set(action, { result, bytes: size, storing: undefined });
      bytes += size;
      // Every result starts the quiet anew: a build of one compile after another is never idle.
      waitForQuiet();
      while (waiting.size > limits.results || bytes > limits.bytes) await settleOldest();
    },
    settle,
    get unstored() {
      return [...waiting.keys()].filter((action) => !actions.knows(action)).length;
    },
    async flush() {
      while (waiting.size > 0) await settleOldest();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** The proof is made here once more, over the very bytes that are written. */
async function store(
  action: Digest,
  result: CompileResult,
  { blobs, actions }: Pick<LateResultsOptions, 'blobs' | 'actions'>,
): Promise<void> {
  const accepted = await acceptResult(result, blobs);
  if (accepted.kind === 'complete') await actions.store(action, accepted.result);
}

function bytesOf({ stdout, stderr, outputs, lists }: CompileResult): number {
  const pieces = [stdout, stderr, ...lists, ...outputs.map(({ data }) => data)];
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
