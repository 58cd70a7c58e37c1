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
  /** Stores the one that waits longest; false where none waits. */
  settleOldest(): Promise<boolean>;
  /** Stores all that waits. */
  flush(): Promise<void>;
}

export interface LateResultsOptions {
  readonly blobs: BlobService;
  readonly actions: ActionCache;
  /** A result is to be stored in a quiet moment. */
  readonly wake: () => void;
  /** The most that waits; beyond it the oldest are stored at once. */
  readonly limits?: { readonly results: number; readonly bytes: number } | undefined;
  readonly log: (message: string, details: object) => void;
  /** Told of every result that is kept. */
  readonly heard?: (action: Digest, result: CompileResult) => void;
}

/** 512 results of a usual size are some 10 MiB. */
const LIMITS = { results: 512, bytes: 32 << 20 };

interface Waiting {
  readonly result: CompileResult;
  readonly bytes: number;
  /** Set once it is being stored. */
  storing: Promise<void> | undefined;
}

/** Keeps results for a quieter moment, when whoever was woken calls `settleOldest`. */
export function startLateResults(options: LateResultsOptions): LateResults {
  const { actions, wake, limits = LIMITS, log } = options;
  /** Oldest first. */
  const waiting = new Map<Digest, Waiting>();
  let bytes = 0;

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

  async function settleOldest(): Promise<boolean> {
    const [oldest] = waiting.keys();
    if (oldest !== undefined) await settle(oldest);
    return oldest !== undefined;
  }

  return {
    async keep(action, result) {
      if (result.exitCode !== 0) return;
      options.heard?.(action, result);
      if (!isSelfContained(result)) {
        await settle(action);
        await actions.store(action, result);
        return;
      }
      if (waiting.has(action)) return;
      const size = bytesOf(result);
      waiting.set(action, { result, bytes: size, storing: undefined });
      bytes += size;
      wake();
      while (waiting.size > limits.results || bytes > limits.bytes) await settleOldest();
    },
    settle,
    get unstored() {
      return [...waiting.keys()].filter((action) => !actions.knows(action)).length;
    },
    settleOldest,
    async flush() {
      while (await settleOldest());
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
