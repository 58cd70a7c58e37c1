import { readFileSync, statSync } from 'node:fs';
import { fsPath } from '../../base/byte-string.ts';
import type { Digest } from '../../base/digest.ts';
import { PACKED_BLOB_LIMIT, packsOf, type WholeBlob } from '../../contract/blob-pack.ts';
import type { BlobTransfer } from './blob-transfer.ts';

/** Brings contents to the grid: each once, however many compiles want it there at the same time. */
export interface Uploads {
  /** Whether all of them are there now. */
  send(digests: readonly Digest[], pathOf: ReadonlyMap<Digest, string>): Promise<boolean>;
}

interface File {
  readonly digest: Digest;
  readonly path: string;
  readonly size: number;
}

/** Large files at once: each is a stream of its own. */
const STREAMS = 4;

/** `sent` is told of every content that has arrived. */
export function uploads(transfer: () => Promise<BlobTransfer | undefined>, sent: (digest: Digest) => void): Uploads {
  const running = new Map<Digest, Promise<boolean>>();
  const begin = (files: readonly File[], send: (to: BlobTransfer) => Promise<boolean>): void => {
    const done = transfer()
      .then((to) => to !== undefined && send(to))
      .catch(() => false)
      .then((arrived) => {
        for (const { digest } of files) {
          running.delete(digest);
          if (arrived) sent(digest);
        }
        return arrived;
      });
    for (const { digest } of files) running.set(digest, done);
  };
  return {
    async send(digests, pathOf) {
      const files = digests.flatMap((digest) => (running.has(digest) ? [] : (fileOf(digest, pathOf) ?? [])));
      const small = files.filter(({ size }) => size <= PACKED_BLOB_LIMIT);
      for (const pack of packsOf(small, ({ size }) => size)) begin(pack, (to) => to.putPack(contentsOf(pack)));
      const large = files.filter(({ size }) => size > PACKED_BLOB_LIMIT);
      const lanes: Promise<boolean>[] = Array.from({ length: STREAMS }, () => Promise.resolve(true));
      for (const [i, file] of large.entries()) {
        const before = lanes[i % STREAMS];
        begin([file], async (to) => {
          await before;
          return to.putFile(file.digest, file.path, file.size);
        });
        lanes[i % STREAMS] = running.get(file.digest) ?? Promise.resolve(true);
      }
      const all = await Promise.all(digests.map((digest) => running.get(digest) ?? false));
      return all.every(Boolean);
    },
  };
}

function fileOf(digest: Digest, pathOf: ReadonlyMap<Digest, string>): File | undefined {
  const path = pathOf.get(digest);
  const at = path === undefined ? undefined : statSync(fsPath(path), { throwIfNoEntry: false });
  return path === undefined || at === undefined ? undefined : { digest, path, size: at.size };
}

/** A file that has changed since is refused by the coordinator, and what stood in its pack is asked for again. */
function contentsOf(files: readonly File[]): WholeBlob[] {
  return files.map(({ digest, path }) => ({ digest, data: readFileSync(fsPath(path)) }));
}
