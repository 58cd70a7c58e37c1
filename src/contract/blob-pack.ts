import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { Digest } from '../base/digest.ts';
import { roomFor } from './room.ts';

/**
 * Many small blobs in one body, because a request for each of a compile's 400 headers costs both ends half a
 * millisecond: `zstd(count * (digest: 32 bytes, size: u32 little-endian, content))`. What is asked for is the digests one
 * after another. `POST /blobs/take` brings a pack, `POST /blobs/give` asks for one.
 */
export const PACK_PATHS = { take: '/blobs/take', give: '/blobs/give' } as const;

/** Blobs of a pack together, in bytes before compression. */
export const PACK_LIMIT = 8 << 20;
/** Larger blobs travel alone, as streams. */
export const PACKED_BLOB_LIMIT = 256 << 10;

/** A blob with its content. */
export interface WholeBlob {
  readonly digest: Digest;
  readonly data: Uint8Array;
}

const DIGEST_BYTES = 32;
const HEAD_BYTES = DIGEST_BYTES + 4;
/** The lowest level: 300 MB/s, and sources shrink to a quarter. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** Heads of so many empty blobs a pack may have beside its bytes. */
const BLOBS_LIMIT = 8192;
/** Below this many bytes the turn through the thread pool and back takes longer than the work itself, 0.4 ms at most. */
const AT_ONCE = 128 << 10;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Off the event loop where there is much to pack. */
export async function packBlobs(blobs: readonly WholeBlob[]): Promise<Buffer> {
  const parts = blobs.flatMap(({ digest, data }) => {
    const head = Buffer.alloc(HEAD_BYTES);
    head.write(digest, 'hex');
    head.writeUInt32LE(data.length, DIGEST_BYTES);
    return [head, data];
  });
  const whole = Buffer.concat(parts);
  const options = { ...LEVEL, chunkSize: roomFor(whole.length) };
  return whole.length <= AT_ONCE ? zstdCompressSync(whole, options) : compress(whole, LEVEL);
}

/** The blobs of a pack, not yet proved by their digests; undefined where it is none or is larger than packs are. */
export async function unpackBlobs(pack: Uint8Array): Promise<WholeBlob[] | undefined> {
  try {
    const limit = { maxOutputLength: PACK_LIMIT + BLOBS_LIMIT * HEAD_BYTES };
    return cut(pack.length <= AT_ONCE / 4 ? zstdDecompressSync(pack, limit) : await decompress(pack, limit));
  } catch {
    return undefined;
  }
}

function cut(bytes: Buffer): WholeBlob[] | undefined {
  const blobs: WholeBlob[] = [];
  for (let at = 0; at < bytes.length; ) {
    const from = at + HEAD_BYTES;
    if (from > bytes.length) return undefined;
    const end = from + bytes.readUInt32LE(from - 4);
    if (end > bytes.length) return undefined;
    blobs.push({ digest: bytes.toString('hex', at, at + DIGEST_BYTES) as Digest, data: bytes.subarray(from, end) });
    at = end;
  }
  return blobs;
}

/** What is asked for. */
export function listDigests(digests: readonly Digest[]): Buffer {
  return Buffer.from(digests.join(''), 'hex');
}

/** The digests asked for; undefined where the body is no list, or a longer one than a pack answers. */
export function readDigests(list: Uint8Array): Digest[] | undefined {
  if (list.length % DIGEST_BYTES !== 0 || list.length > BLOBS_LIMIT * DIGEST_BYTES) return undefined;
  const text = Buffer.from(list.buffer, list.byteOffset, list.byteLength).toString('hex');
  return (text.match(/.{64}/g) ?? []) as Digest[];
}

/** Cuts a list into parts that fit into a pack each, in order. */
export function packsOf<T>(items: readonly T[], sizeOf: (item: T) => number): T[][] {
  const packs: T[][] = [];
  let room = 0;
  for (const item of items) {
    const last = packs.at(-1);
    if (last !== undefined && sizeOf(item) <= room && last.length < BLOBS_LIMIT) {
      last.push(item);
      room -= sizeOf(item);
    } else {
      packs.push([item]);
      room = PACK_LIMIT - sizeOf(item);
    }
  }
  return packs;
}
