import { writeFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { errnoOf } from '../cas/unwritable.ts';
import type { WholeBlob } from '../contract/blob-pack.ts';
import type { BlobServer } from './blob-server.ts';

/** The coordinator's blobs with some that the client brought itself: those are not asked for. */
export function withGiven(from: BlobServer, given: readonly WholeBlob[]): BlobServer {
  if (given.length === 0) return from;
  const here = new Map<Digest, Uint8Array>(
    given.filter(({ digest, data }) => sha256(data) === digest).map(({ digest, data }) => [digest, data]),
  );
  return {
    async download(digest, size, path) {
      const data = here.get(digest);
      if (data?.length !== size) return from.download(digest, size, path);
      try {
        writeFileSync(fsPath(path), data, { flag: 'wx', mode: 0o444 });
        return { kind: 'done' };
      } catch (error) {
        return { kind: 'failed', why: errnoOf(error) };
      }
    },
    async downloadPack(digests) {
      const others = digests.filter((digest) => !here.has(digest));
      const own = digests.flatMap((digest) => {
        const data = here.get(digest);
        return data === undefined ? [] : [{ digest, data }];
      });
      return others.length === 0 ? own : [...own, ...((await from.downloadPack(others)) ?? [])];
    },
    upload: (digest, size, path) => from.upload(digest, size, path),
    close: () => {},
  };
}
