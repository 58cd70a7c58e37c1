import { type Digest, sha256 } from '../base/digest.ts';
import { digestFromWire } from '../contract/digests.ts';
import type { CompileResult, OutputFile } from '../contract/generated/hybridgrid/v1/build.ts';
import { INLINE_LIMIT, outputContent, packOutput } from '../contract/packed.ts';
import type { BlobService } from './blob-service.ts';

/** What a result from a worker or a client is worth. */
export type Acceptance =
  /** All contents of its outputs are stored. */
  | { readonly kind: 'complete'; readonly result: CompileResult }
  /** It can be delivered, but not kept: the disk has no room for it. */
  | { readonly kind: 'deliverable'; readonly result: CompileResult }
  /** Contents are neither in it nor stored. */
  | { readonly kind: 'lacking'; readonly missing: readonly Digest[] }
  /** What it says of its own contents is not true. */
  | { readonly kind: 'false'; readonly detail: string };

/**
 * Holds a result to what it says: every output's bytes have the digest and the size named, or are stored under it.
 * Nobody's word is taken for it, because the result goes to everybody who compiles the same.
 */
export async function acceptResult(result: CompileResult, blobs: BlobService): Promise<Acceptance> {
  const missing: Digest[] = [];
  let isStored = true;
  for (const output of result.outputs) {
    if (!output.present) continue;
    const digest = digestFromWire(output.digest);
    if (digest === undefined) return { kind: 'false', detail: `${output.role}: no digest` };
    const answer = await acceptOutput(digest, output, blobs);
    if (answer === 'false') return wrongBytes(output);
    if (answer === 'missing') missing.push(digest);
    if (answer === 'not-stored') isStored = false;
  }
  if (missing.length > 0) return { kind: 'lacking', missing };
  return { kind: isStored ? 'complete' : 'deliverable', result };
}

/** Whether all contents of its outputs are inside it, so that it needs nothing of the store. */
export function isSelfContained({ outputs }: CompileResult): boolean {
  return outputs.every(({ present, size, data }) => !present || size === 0n || isInside(size, data));
}

/** Larger contents are answered by digest, where they can be stored. */
function isInside(size: bigint, data: Buffer): boolean {
  return data.length > 0 && size <= BigInt(INLINE_LIMIT);
}

/**
 * Holds a result to what it says, like {@link acceptResult}; but one whose contents are all inside it is not stored yet,
 * and `deliverable`.
 */
export async function proveResult(result: CompileResult, blobs: BlobService): Promise<Acceptance> {
  if (!isSelfContained(result)) return acceptResult(result, blobs);
  for (const output of result.outputs) {
    if (!output.present) continue;
    const digest = digestFromWire(output.digest);
    if (digest === undefined) return { kind: 'false', detail: `${output.role}: no digest` };
    const content = outputContent(output);
    if (content === undefined || sha256(content) !== digest) return wrongBytes(output);
  }
  return { kind: 'deliverable', result };
}

function wrongBytes({ role }: OutputFile): Acceptance {
  return { kind: 'false', detail: `${role}: the bytes are not what the digest says` };
}

async function acceptOutput(
  digest: Digest,
  output: OutputFile,
  blobs: BlobService,
): Promise<'stored' | 'not-stored' | 'missing' | 'false'> {
  const { data, size } = output;
  if (data.length === 0 && size > 0n) {
    const stored = blobs.sizeOf(digest);
    if (stored !== undefined && BigInt(stored) === size) return 'stored';
    // Either what is stored is damaged, and goes with this, or the size is wrong.
    return (await blobs.prove(digest)) ? 'false' : 'missing';
  }
  const content = outputContent(output);
  if (content === undefined) return 'false';
  const put = await blobs.putBytes(digest, content);
  if (put.kind === 'mismatch') return 'false';
  return put.kind === 'stored' ? 'stored' : 'not-stored';
}

/** The result as it is answered: small outputs with their bytes, large ones by digest alone. */
export async function withContents(result: CompileResult, blobs: BlobService): Promise<CompileResult | undefined> {
  const outputs: OutputFile[] = [];
  for (const output of result.outputs) {
    const filled = await withContent(output, blobs);
    if (filled === undefined) return undefined;
    outputs.push(filled);
  }
  return { ...result, outputs };
}

const EMPTY = Buffer.alloc(0);

async function withContent(output: OutputFile, blobs: BlobService): Promise<OutputFile | undefined> {
  if (!output.present || output.size === 0n) return { ...output, data: EMPTY, packed: false };
  if (output.size > BigInt(INLINE_LIMIT)) {
    // Where there was no room to store it the message is the only place it is in.
    const digest = digestFromWire(output.digest);
    return digest !== undefined && blobs.has(digest) ? { ...output, data: EMPTY, packed: false } : output;
  }
  if (output.data.length > 0) return output;
  const digest = digestFromWire(output.digest);
  const data = digest === undefined ? undefined : await blobs.read(digest);
  return data === undefined ? undefined : packOutput({ ...output, data, packed: false });
}
