import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { CompileResult, OutputFile } from './generated/hybridgrid/v1/build.ts';
import { roomFor } from './room.ts';

/** The lowest level: 64 KiB take a quarter of a millisecond; objects shrink to a third, lists of paths to a tenth. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Smaller contents are not worth it. In bytes. */
const PACK_ABOVE = 1024;
/**
 * Outputs up to this size travel inside messages, larger ones by digest: a request of its own for an object costs each
 * of the three ends 2 ms or more. In bytes.
 */
export const INLINE_LIMIT = 512 << 10;
/** No list of files that a compile read is longer. */
const LIST_LIMIT = 16 << 20;

/** The output with its content compressed, where that is worth it. */
export function packOutput(output: OutputFile): OutputFile {
  if (output.packed || output.data.length <= PACK_ABOVE) return output;
  return { ...output, data: zstdCompressSync(output.data, LEVEL), packed: true };
}

/** The content that came inside the message; undefined where it is damaged or not as long as it says. */
export function outputContent({ data, packed, size }: OutputFile): Buffer | undefined {
  const limit = Math.min(Number(size), INLINE_LIMIT);
  const content = packed ? unpack(data, limit, limit) : data;
  return content !== undefined && BigInt(content.length) === size ? content : undefined;
}

/** The lists as they travel. */
export function packLists(lists: readonly Buffer[]): Pick<CompileResult, 'lists' | 'listsPacked'> {
  return { lists: lists.map((list) => zstdCompressSync(list, LEVEL)), listsPacked: true };
}

/** What the compiler says it read; undefined where it is damaged. */
export function listsOf({ lists, listsPacked }: CompileResult): readonly Buffer[] | undefined {
  const unpacked = listsPacked ? lists.map((list) => unpack(list, LIST_LIMIT)) : lists;
  return unpacked.every((list) => list !== undefined) ? unpacked : undefined;
}

/** `expected`: so many bytes will come; what comes in one buffer need not be put together from several. */
function unpack(bytes: Uint8Array, limit: number, expected?: number): Buffer | undefined {
  try {
    // zlib wants at least one byte of room.
    const maxOutputLength = Math.max(1, limit);
    return zstdDecompressSync(
      bytes,
      expected === undefined ? { maxOutputLength } : { maxOutputLength, chunkSize: roomFor(expected) },
    );
  } catch {
    return undefined;
  }
}
