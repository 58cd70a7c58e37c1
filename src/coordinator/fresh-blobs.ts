import type { Digest } from '../base/digest.ts';
import { writeTmp } from '../cas/atomic-write.ts';
import type { CacheLayout } from '../cas/layout.ts';
import type { Unwritable } from '../cas/unwritable.ts';
import type { DiskRoom } from './disk-room.ts';

/**
 * Proved blobs that are in memory and in the room's index, and not yet on the disk. To make a file costs more than all else
 * that is done for a header, up to ten times as much where others remove files at the same time (ext4 looks for an inode
 * that nobody has just given up); and while a build runs it needs the bytes once, when the worker fetches them.
 */
export interface FreshBlobs {
  get(digest: Digest): Buffer | undefined;
  /** Keeps a copy. Beyond the limit the oldest are written at once. */
  add(digest: Digest, bytes: Uint8Array): void;
  drop(digest: Digest): void;
  /** Writes the one that waits longest; false where none waits. One that the disk does not take is forgotten. */
  writeOldest(): boolean;
}

export interface FreshBlobsOptions {
  readonly layout: CacheLayout;
  readonly room: DiskRoom;
  /** The most that is kept in memory; beyond it the oldest are written at once. */
  readonly limits?: { readonly blobs: number; readonly bytes: number } | undefined;
  readonly failed: (why: Unwritable) => void;
}

/** All headers and sources of a build of some size. */
const LIMITS = { blobs: 4096, bytes: 16 << 20 };

export function freshBlobs({ layout, room, limits = LIMITS, failed }: FreshBlobsOptions): FreshBlobs {
  /** Oldest first. */
  const fresh = new Map<Digest, Buffer>();
  let bytes = 0;

  function drop(digest: Digest): void {
    bytes -= fresh.get(digest)?.length ?? 0;
    fresh.delete(digest);
  }

  function writeOldest(): boolean {
    const [oldest] = fresh;
    if (oldest === undefined) return false;
    const [digest, content] = oldest;
    // Evicted meanwhile: nobody wants it.
    if (room.find(digest) !== undefined) write(digest, content);
    drop(digest);
    return true;
  }

  function write(digest: Digest, content: Buffer): void {
    const tmp = writeTmp(layout, content);
    const problem = typeof tmp === 'string' ? room.place(tmp, digest) : tmp;
    if (problem === undefined) return;
    room.forget(digest);
    failed(problem);
  }

  return {
    get: (digest) => fresh.get(digest),
    add(digest, content) {
      drop(digest);
      // A piece of a pack would keep all of it in memory.
      fresh.set(digest, Buffer.from(content));
      bytes += content.length;
      while (fresh.size > limits.blobs || bytes > limits.bytes) writeOldest();
    },
    drop,
    writeOldest,
  };
}
