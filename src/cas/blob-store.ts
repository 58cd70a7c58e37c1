import type { Digest } from '../base/digest.ts';
import type { Unwritable } from './unwritable.ts';

/** Bytes named by their SHA-256, with what the launcher needs to check a copy cheaply. */
export interface BlobRef {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** XXH64, seed 0, 16 lower-case hex digits. */
  readonly checksum: string;
}

export type Stored = { readonly kind: 'stored'; readonly ref: BlobRef } | Unwritable;

/** At once where the work is short, a promise where it would hold up the agent's other clients. `await` takes both. */
export type Soon<T> = T | Promise<T>;

/**
 * Above this many bytes a store works in steps and answers with a promise. 4 MiB are hashed and written in about
 * 4 ms; a 200 MiB object would stop every other client of the agent for a fifth of a second.
 */
export const SYNC_LIMIT = 4 << 20;

/** The port: bytes by digest. Absent, damaged and unwritable are answers; only bugs throw. */
export interface BlobStore {
  /** Keeps a copy of the bytes. */
  put(bytes: Uint8Array): Soon<Stored>;
  /** The bytes, proved by their SHA-256; `undefined` if absent. A damaged blob is dropped and absent. */
  read(ref: BlobRef): Soon<Buffer | undefined>;
  /** Forgets a blob. */
  drop(digest: Digest): void;
  /** Marks a blob as used now, for the eviction order. Cheap; may be written later. */
  touch(digest: Digest): void;
}

/** A blob store on a disk of this machine, whose files other processes read and feed directly. */
export interface LocalBlobStore extends BlobStore {
  /** A fresh path on the store's own file system for a file to be adopted; the file does not exist yet. */
  newTmpPath(suffix: string): string | Unwritable;
  /**
   * Makes the file at a path from {@link newTmpPath} out of bytes whose digest the caller has proved. Adopted untouched, up to
   * {@link SYNC_LIMIT} it is not read again.
   */
  fill(tmpPath: string, bytes: Uint8Array, digest: Digest): Unwritable | undefined;
  /** Takes over a finished file made at {@link newTmpPath}. In every case the file is gone from there afterwards. */
  adopt(tmpPath: string): Soon<Stored>;
  /**
   * The absolute path of the uncompressed bytes, for somebody who copies and checks them himself: the size was
   * checked, the content was not. The file may be evicted before he opens it.
   */
  locate(ref: BlobRef): Soon<string | undefined>;
  /** Writes pending marks of use. */
  flush(): Promise<void>;
}
