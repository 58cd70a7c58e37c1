import type { Digest } from '../../base/digest.ts';
import type { CompileResult, CompileSpec } from '../../contract/generated/hybridgrid/v1/build.ts';

/** A compile as it can be done elsewhere, with where its files are to be read from. */
export interface Shipment {
  readonly spec: CompileSpec;
  /** Digest of the spec: equal for equal compiles, whoever asks. */
  readonly action: Digest;
  /** Where the content of each file is, by digest. Absolute paths. */
  readonly files: ReadonlyMap<Digest, string>;
  /** When the files were looked at, in nanoseconds since the epoch: results count only if nothing has changed since. */
  readonly startedNs: bigint;
  /** Paths where a file was looked for and was none: elsewhere nothing is there either. */
  readonly absent: readonly string[];
}

export type GridAnswer =
  | { readonly kind: 'result'; readonly result: CompileResult }
  /** Nobody there can or may do it: `reason` as in the contract, or `unreachable`. */
  | { readonly kind: 'declined'; readonly reason: string; readonly detail: string };

export interface GridAsked {
  /** Only a stored result is wanted. */
  readonly storedOnly: boolean;
  /** No stored result is wanted. */
  readonly ignoreStored: boolean;
  readonly signal: AbortSignal;
}

/** The coordinator as the agent sees it. Never throws: trouble on the way is an answer. */
export interface Grid {
  compile(shipment: Shipment, asked: GridAsked): Promise<GridAnswer>;
  /** The content of an output; undefined if it cannot be had or is not what its digest says. */
  fetch(digest: Digest): Promise<Buffer | undefined>;
  /** Offers a result made here to the shared cache, with its outputs. Best effort. */
  report(action: Digest, result: CompileResult, contents: ReadonlyMap<Digest, Buffer>): Promise<void>;
  /** Slots of all workers, as far as known; undefined before it is. */
  capacity(): number | undefined;
  close(): void;
}
