import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Digest } from '../base/digest.ts';
import {
  PACK_LIMIT,
  PACK_PATHS,
  PACKED_BLOB_LIMIT,
  packBlobs,
  readDigests,
  unpackBlobs,
  type WholeBlob,
} from '../contract/blob-pack.ts';
import { takingTurns } from '../contract/turns.ts';
import { answer, type BlobRequest, say } from './blob-routes.ts';
import type { BlobService } from './blob-service.ts';

/** `POST /blobs/take` and `POST /blobs/give`: many small blobs at once, as blob-pack.ts has them. */
export function packRoutes(
  app: FastifyInstance,
  blobs: BlobService,
  count: (direction: 'in' | 'out', bytes: number) => void,
  wake: () => void,
): void {
  app.post<BlobRequest>(PACK_PATHS.take, { bodyLimit: PACK_LIMIT * 2 }, async ({ body }, reply) => {
    const bytes = await wholeBody(body, count);
    const pack = bytes === undefined ? undefined : await unpackBlobs(bytes);
    if (pack === undefined) return say(reply, 400, 'the body is no pack of blobs');
    const turn = takingTurns();
    for (const { digest, data } of pack) {
      await turn();
      const stored = await blobs.putLate(digest, data);
      if (stored.kind !== 'stored') return answer(reply, stored);
      wake();
    }
    return say(reply, 200, 'stored');
  });
  app.post<BlobRequest>(PACK_PATHS.give, { bodyLimit: PACK_LIMIT }, async ({ body }, reply) => {
    const bytes = await wholeBody(body, () => {});
    const asked = bytes === undefined ? undefined : readDigests(bytes);
    if (asked === undefined) return say(reply, 400, 'the body is no list of digests');
    const pack = await packBlobs(await inOnePack(asked, blobs));
    count('out', pack.length);
    return reply.type('application/octet-stream').send(pack);
  });
}

/** As many of them as are here and fit; whoever asked sees what is lacking. */
async function inOnePack(asked: readonly Digest[], blobs: BlobService): Promise<WholeBlob[]> {
  const found: WholeBlob[] = [];
  let room = PACK_LIMIT;
  const turn = takingTurns();
  for (const digest of asked) {
    await turn();
    const size = blobs.sizeOf(digest) ?? Number.POSITIVE_INFINITY;
    const data = size <= Math.min(room, PACKED_BLOB_LIMIT) ? await blobs.read(digest) : undefined;
    if (data === undefined) continue;
    room -= data.length;
    found.push({ digest, data });
  }
  return found;
}

/** Bodies that are known to be small; undefined where one is not, or broke off. */
async function wholeBody(
  body: IncomingMessage | undefined,
  count: (direction: 'in' | 'out', bytes: number) => void,
): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of (body ?? Readable.from([])) as AsyncIterable<Buffer>) {
      size += piece.length;
      count('in', piece.length);
      if (size > PACK_LIMIT * 2) return undefined;
      pieces.push(piece);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}
