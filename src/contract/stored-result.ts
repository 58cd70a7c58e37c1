import { createHash } from 'node:crypto';
import { CompileResult } from './generated/hybridgrid/v1/build.ts';

/**
 * A result in a file: the magic, the SHA-256 of the rest, the action, the message. The action is inside, so that a
 * file under a wrong name is no answer. Another version of the format is another magic, and a miss.
 */
const MAGIC = Buffer.from('HGR1');
const HASH_BYTES = 32;
const HEAD = MAGIC.length + HASH_BYTES;
const EMPTY = Buffer.alloc(0);

/** The bytes of the file. The outputs' contents are left out: they are blobs. */
export function encodeStoredResult(action: Buffer, result: CompileResult): Buffer {
  const outputs = result.outputs.map((output) => ({ ...output, data: EMPTY, packed: false }));
  return encodeWholeResult(action, { ...result, outputs });
}

/** The same with the outputs as they are: for a storage of which one question is to give everything. */
export function encodeWholeResult(action: Buffer, result: CompileResult): Buffer {
  const stored: CompileResult = { ...result, fromCache: true, queueMs: 0 };
  const rest = Buffer.concat([action, CompileResult.encode(stored).finish()]);
  return Buffer.concat([MAGIC, createHash('sha256').update(rest).digest(), rest]);
}

/** The result in such a file; undefined where it is damaged or another action's. */
export function decodeStoredResult(action: Buffer, file: Buffer): CompileResult | undefined {
  if (file.length < HEAD + action.length || !file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const rest = file.subarray(HEAD);
  if (!createHash('sha256').update(rest).digest().equals(file.subarray(MAGIC.length, HEAD))) return undefined;
  if (!rest.subarray(0, action.length).equals(action)) return undefined;
  try {
    return CompileResult.decode(rest.subarray(action.length));
  } catch {
    return undefined; // Whole, but not of this version.
  }
}
