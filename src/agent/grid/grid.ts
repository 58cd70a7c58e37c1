import type { Digest } from '../../base/digest.ts';
import type { CompileResult } from '../../contract/generated/hybridgrid/v1/build.ts';
import type { Elsewhere } from '../store-result.ts';

/** A compile as it can be done elsewhere, with where its files are to be read from. */
export interface Shipment {
  /** An encoded CompileSpec. */
  readonly spec: Buffer;
  /** Digest of the spec: equal for equal compiles, whoever asks. */
  readonly action: Digest;
  /** Where the content of each file is, by digest. Absolute paths. */
  readonly files: ReadonlyMap<Digest, string>;
  /** Those of them that are not parts of the compiler; equal ones as often as there are files. */
  readonly inputs: readonly Digest[];
  /** The source: what only this compile reads, mostly. */
  readonly own: Digest;
  /** What a scheduler has to know of it. */
  readonly demand: { readonly arch: string; readonly toolchain: string; readonly name: string };
  /** What was seen here when it was made, which is all that a compile elsewhere sees. */
  readonly elsewhere: Elsewhere;
}

export type GridAnswer =
  | { readonly kind: 'result'; readonly result: CompileResult; readonly from?: 'storage'; readonly isDirect?: true }
  /** Nobody there can or may do it: `reason` as in the contract, or `unreachable`. */
  | { readonly kind: 'declined'; readonly reason: string; readonly detail: string };

export interface GridAsked {
  /** Only a stored result is wanted. */
  readonly storedOnly: boolean;
  /** No stored result is wanted. */
  readonly ignoreStored: boolean;
  /** It may be brought to a worker without the coordinator between. */
  readonly isDirect: boolean;
  readonly signal: AbortSignal;
}

/** A result of the grid that the plain compiler here does not make. */
export interface WrongGridResult {
  readonly action: Digest;
  /** Who made it, as it was told; empty: a client. */
  readonly worker: string;
  /** The output's role, `stderr` or `exit code`; the digests of what came and of what the compiler made. */
  readonly output: string;
  readonly delivered: string;
  readonly plain: string;
  /** The first byte that differs. */
  readonly offset: number;
}

/** The coordinator, or a storage, as the agent sees it. Never throws: trouble on the way is an answer. */
export interface Grid {
  /** Whether it compiles. What only keeps results takes no part in how many compiles run here. */
  readonly compiles: boolean;
  /** False while a question, and what has to be looked at for it, would be in vain. */
  isWorthAsking(): boolean;
  compile(shipment: Shipment, asked: GridAsked): Promise<GridAnswer>;
  /** The content of an output of so many bytes; undefined if it cannot be had or is not what its digest says. */
  fetch(digest: Digest, size: number): Promise<Buffer | undefined>;
  /** Offers a result made here to the shared cache; `contentOf` is asked for outputs that the grid lacks. Best effort. */
  report(
    action: Digest,
    result: CompileResult,
    contentOf: (digest: Digest) => Promise<Buffer | undefined>,
  ): Promise<void>;
  /** Tells that a result of the grid is not what the plain compiler makes. Best effort. */
  reportMismatch(wrong: WrongGridResult): Promise<void>;
  /** Slots of all workers, as far as known; undefined before it is. */
  capacity(): number | undefined;
  close(): void;
}
