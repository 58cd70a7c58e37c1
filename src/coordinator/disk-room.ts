import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, parseDigest } from '../base/digest.ts';
import { diskBytes, planEviction } from '../cache/eviction-plan.ts';
import { moveIntoPlace, removeQuietly } from '../cas/atomic-write.ts';
import { type CacheLayout, makeDirectory, parentOf, shardedPath } from '../cas/layout.ts';
import { errnoOf, type Unwritable } from '../cas/unwritable.ts';
import { useMarks } from '../cas/use-marks.ts';

/** A file of a room, in memory: 450 of them are asked for per compile, too many to ask the disk. */
export interface RoomFile {
  readonly digest: Digest;
  /** In bytes, as the file is long. */
  size: number;
  /** Time of last use, milliseconds since 1970. */
  usedMs: number;
  /** As far as the disk knows of it. */
  markedMs: number;
  /** While above 0 it is not evicted. */
  pins: number;
}

/** Files named by digest in one directory, kept below a limit by evicting the least recently used. */
export interface DiskRoom {
  readonly files: number;
  /** Bytes on the disk, in whole blocks. */
  readonly bytes: number;
  readonly limitBytes: number;
  find(digest: Digest): RoomFile | undefined;
  /** Notes a use. */
  use(file: RoomFile): void;
  pathOf(digest: Digest): string;
  /** Moves a finished file of the layout's tmp directory here; on failure it is gone. */
  adopt(tmp: string, digest: Digest, size: number): Unwritable | undefined;
  /** Counts a file that will be placed later. */
  admit(digest: Digest, size: number): void;
  /** Moves an admitted file here, like {@link DiskRoom.adopt}; it counts as used when it was before. */
  place(tmp: string, digest: Digest): Unwritable | undefined;
  /** Removes a file. */
  forget(digest: Digest): void;
  /** Evicts until so many bytes more fit; false where what is in use leaves no room for them. */
  makeRoom(bytes: number): Promise<boolean>;
  /** Writes pending marks of use. */
  flush(): Promise<void>;
}

export interface DiskRoomOptions {
  readonly layout: CacheLayout;
  /** Below the layout's root. */
  readonly directory: string;
  readonly limitBytes: number;
  readonly now: () => number;
  readonly warn: (message: string, details: object) => void;
}

/** More files than this are evicted though there is room: each takes some 200 bytes of memory. */
const MAX_FILES = 2_000_000;
/** Files are evicted so many at a time: others are served in between. */
const AT_ONCE = 64;
const MARK_AGAIN_AFTER_MS = 3_600_000;

/**
 * Opens a room, reading what lies there. What is no file of the room is left alone; a file in the place of a directory
 * is removed, for nothing could ever be stored past it.
 */
export async function openDiskRoom(options: DiskRoomOptions): Promise<DiskRoom> {
  const { layout, directory, limitBytes, now } = options;
  const marks = useMarks(now);
  const index = new Map<Digest, RoomFile>();
  let bytes = 0;
  let evicting: Promise<void> | undefined;

  const pathOf = (digest: Digest): string => shardedPath(directory, digest);

  function enter(digest: Digest, size: number, usedMs: number): void {
    const before = index.get(digest);
    bytes += diskBytes(size) - (before === undefined ? 0 : diskBytes(before.size));
    // The same object: somebody may have pinned it.
    if (before !== undefined) Object.assign(before, { size, usedMs, markedMs: usedMs });
    else index.set(digest, { digest, size, usedMs, markedMs: usedMs, pins: 0 });
  }

  function leave(digest: Digest): void {
    const file = index.get(digest);
    if (file === undefined) return;
    index.delete(digest);
    bytes -= diskBytes(file.size);
  }

  function forget(digest: Digest): void {
    leave(digest);
    removeQuietly(pathOf(digest));
  }

  /** Down to nine tenths, so that the next blob does not evict again. */
  async function evict(limit: number): Promise<void> {
    const free = [...index.values()].filter(({ pins }) => pins === 0);
    const files = free.map(({ digest, size, usedMs }) => ({ path: digest, bytes: diskBytes(size), usedMs }));
    const pinned = bytes - files.reduce((sum, file) => sum + file.bytes, 0);
    const { evict: chosen } = planEviction(files, Math.max(0, limit - pinned));
    for (const [i, { path, usedMs }] of chosen.entries()) {
      const file = index.get(path as Digest);
      if (file === undefined || file.pins > 0 || file.usedMs !== usedMs) continue;
      forget(file.digest);
      if (i % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const fits = (more: number): boolean => bytes + more <= limitBytes && index.size < MAX_FILES;

  async function makeRoom(more: number): Promise<boolean> {
    const needed = diskBytes(more);
    if (needed > limitBytes) return false;
    for (let round = 0; !fits(needed) && round < 2; round += 1) {
      const few = index.size < MAX_FILES ? limitBytes : bytes * 0.9;
      evicting ??= evict(Math.min(limitBytes, few) - needed).finally(() => {
        evicting = undefined;
      });
      await evicting;
    }
    return fits(needed);
  }

  await readRoom(options, enter);
  return {
    get files() {
      return index.size;
    },
    get bytes() {
      return bytes;
    },
    limitBytes,
    find: (digest) => index.get(digest),
    use(file) {
      file.usedMs = now();
      if (file.usedMs - file.markedMs < MARK_AGAIN_AFTER_MS) return;
      file.markedMs = file.usedMs;
      marks.mark(pathOf(file.digest));
    },
    pathOf,
    adopt(tmp, digest, size) {
      const failed = moveIntoPlace(layout, tmp, pathOf(digest));
      if (failed === undefined) enter(digest, size, now());
      return failed;
    },
    admit: (digest, size) => enter(digest, size, now()),
    place: (tmp, digest) => moveIntoPlace(layout, tmp, pathOf(digest)),
    forget,
    makeRoom,
    flush: () => marks.flush(),
  };
}

async function readRoom(
  options: DiskRoomOptions,
  enter: (digest: Digest, size: number, usedMs: number) => void,
): Promise<void> {
  const { layout, directory } = options;
  for (const path of [parentOf(directory), directory, layout.tmp]) clearPath(path, options);
  makeDirectory(layout, directory);
  for (const shard of '0123456789abcdef') {
    const path = `${directory}/${shard}`;
    clearPath(path, options);
    // One by one: nobody is served yet, and through the thread pool it takes twice as long.
    for (const name of await namesIn(path, options)) readFile(path, name, enter);
  }
}

function readFile(
  directory: string,
  name: string,
  enter: (digest: Digest, size: number, usedMs: number) => void,
): void {
  const digest = parseDigest(name);
  if (digest === undefined || !directory.endsWith(`/${digest.slice(0, 1)}`)) return;
  try {
    const found = lstatSync(fsPath(`${directory}/${name}`), { throwIfNoEntry: false });
    if (found?.isFile() === true) enter(digest, found.size, found.mtimeMs);
  } catch (error) {
    errnoOf(error); // Unreadable: it is not there.
  }
}

async function namesIn(directory: string, { warn }: DiskRoomOptions): Promise<string[]> {
  try {
    return await readdir(fsPath(directory), 'latin1');
  } catch (error) {
    const code = errnoOf(error);
    if (code !== 'ENOENT')
      warn('a directory of the store cannot be read; what it held is not used', { directory, code });
    return [];
  }
}

/** Removes what stands in the place of a directory of ours. */
function clearPath(path: string, { warn }: DiskRoomOptions): void {
  try {
    const found = lstatSync(fsPath(path), { throwIfNoEntry: false });
    if (found === undefined || found.isDirectory()) return;
    warn('a file stood in the place of a directory of the store; it was removed', { path });
    removeQuietly(path);
  } catch (error) {
    errnoOf(error); // What can be done is done when something is stored.
  }
}
