import { readFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { removeQuietly, writeTmp } from '../cas/atomic-write.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { errnoOf } from '../cas/unwritable.ts';
import { digestFromWire, digestToWire } from '../contract/digests.ts';
import type { CompileResult } from '../contract/generated/hybridgrid/v1/build.ts';
import { decodeStoredResult, encodeStoredResult } from '../contract/stored-result.ts';
import type { BlobService } from './blob-service.ts';
import { type DiskRoom, openDiskRoom } from './disk-room.ts';

/** Results of compiles by action. Successes only: what it would take to prove that a compile fails again is not known. */
export interface ActionCache {
  /** The result without its outputs' contents, all of which are there; a result whose contents are not is dropped. */
  find(action: Digest): CompileResult | undefined;
  /** Keeps a result whose contents are stored. The first result of an action stays. */
  store(action: Digest, result: CompileResult): Promise<'stored' | 'not-stored'>;
  /** Whether a result is kept under this action; its contents may prove to be gone. */
  knows(action: Digest): boolean;
  /** Forgets a result that is wrong. */
  drop(action: Digest): void;
  readonly size: number;
  flush(): Promise<void>;
}

export interface ActionCacheOptions {
  readonly layout: CacheLayout;
  readonly limitBytes: number;
  readonly blobs: BlobService;
  readonly now: () => number;
  readonly warn: (message: string, details: object) => void;
}

/** A result with more text than that is not worth keeping. */
const RESULT_LIMIT = 4 << 20;

/** Opens the cache below `v1/actions` of the layout's root. */
export async function openActionCache(options: ActionCacheOptions): Promise<ActionCache> {
  const { layout, blobs } = options;
  const room = await openDiskRoom({ ...options, directory: `${layout.root}/v1/actions` });
  return {
    find: (action) => find(room, blobs, action),
    async store(action, result) {
      if (result.exitCode !== 0 || lacksContents(result, blobs)) return 'not-stored';
      if (room.find(action) !== undefined && find(room, blobs, action) !== undefined) return 'stored';
      const bytes = encodeStoredResult(digestToWire(action), result);
      if (bytes.length > RESULT_LIMIT) return 'not-stored';
      const tmp = writeTmp(layout, bytes);
      if (typeof tmp !== 'string') return 'not-stored';
      if (await room.makeRoom(bytes.length)) {
        return room.adopt(tmp, action, bytes.length) === undefined ? 'stored' : 'not-stored';
      }
      removeQuietly(tmp);
      return 'not-stored';
    },
    knows: (action) => room.find(action) !== undefined,
    drop: (action) => room.forget(action),
    get size() {
      return room.files;
    },
    flush: () => room.flush(),
  };
}

function find(room: DiskRoom, blobs: BlobService, action: Digest): CompileResult | undefined {
  const file = room.find(action);
  if (file === undefined) return undefined;
  const result = load(room, action);
  if (result === undefined || result.exitCode !== 0 || lacksContents(result, blobs)) {
    room.forget(action);
    return undefined;
  }
  room.use(file);
  return result;
}

function load(room: DiskRoom, action: Digest): CompileResult | undefined {
  try {
    return decodeStoredResult(digestToWire(action), readFileSync(fsPath(room.pathOf(action))));
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

/** Contents count as used when they are looked for: a result and its blobs leave together. */
function lacksContents(result: CompileResult, blobs: BlobService): boolean {
  const wanted = new Map<Digest, number>();
  for (const { present, digest: bytes, size } of result.outputs) {
    if (!present) continue;
    const digest = digestFromWire(bytes);
    if (digest === undefined) return true;
    wanted.set(digest, Number(size));
  }
  const claim = blobs.claim(wanted);
  claim.release();
  return claim.missing.length > 0;
}
