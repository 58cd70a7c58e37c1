import { lstatSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { fsPath } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import { type BlobRef, SYNC_LIMIT } from './blob-store.ts';
import { errnoOf } from './unwritable.ts';

const zstdDecompressAsync = promisify(zstdDecompress);

/** The suffix of a blob that was compressed because nobody had used it for a while. */
export const COLD_SUFFIX = '.zst';

/** 'absent' must not be treated as damage: there is nothing to drop. */
export type ColdRead = Buffer | 'absent' | 'damaged';

/** zstd never needs more than this beyond the input, so a longer file is damaged and is not even read. */
const FRAME_OVERHEAD = 1024;

/** The bytes of a cold blob, proved by SHA-256. */
export function readCold(path: string, ref: BlobRef): ColdRead {
  const state = stateOf(path, ref);
  if (state !== 'plausible') return state;
  try {
    return proved(zstdDecompressSync(readFileSync(fsPath(path)), limits(ref)), ref);
  } catch (error) {
    return damageOf(error);
  }
}

/** The same off the event loop, for blobs above {@link SYNC_LIMIT}. */
export async function readColdSlowly(path: string, ref: BlobRef): Promise<ColdRead> {
  const state = stateOf(path, ref);
  if (state !== 'plausible') return state;
  try {
    return proved(await zstdDecompressAsync(await readFile(fsPath(path)), limits(ref)), ref);
  } catch (error) {
    return damageOf(error);
  }
}

/** Whether a blob is handled in one go or in steps. */
export function isShort(ref: BlobRef): boolean {
  return ref.size <= SYNC_LIMIT;
}

function stateOf(path: string, ref: BlobRef): 'plausible' | 'absent' | 'damaged' {
  try {
    const there = lstatSync(fsPath(path), { throwIfNoEntry: false });
    if (there === undefined) return 'absent';
    return there.isFile() && there.size <= ref.size + FRAME_OVERHEAD ? 'plausible' : 'damaged';
  } catch (error) {
    errnoOf(error);
    return 'absent';
  }
}

/** Stops a frame that would unfold to more than the blob ever was, before it fills the memory. */
function limits(ref: BlobRef): { maxOutputLength: number } {
  return { maxOutputLength: Math.max(ref.size, 1) };
}

function proved(bytes: Buffer, ref: BlobRef): ColdRead {
  return bytes.length === ref.size && sha256(bytes) === ref.digest ? bytes : 'damaged';
}

/** zlib reports garbage with its own codes, and no system call; a file system error is 'absent', it may pass. */
function damageOf(error: unknown): ColdRead {
  if (!(error instanceof Error) || !('code' in error)) throw error;
  if ('syscall' in error) return 'absent';
  const code = String(error.code);
  if (code.startsWith('Z_') || code.startsWith('ZSTD_') || code === 'ERR_BUFFER_TOO_LARGE') return 'damaged';
  throw error;
}
