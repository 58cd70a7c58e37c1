import { Readable, type Transform } from 'node:stream';
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Digest, parseDigest } from '../base/digest.ts';
import { type IncomingMessage, STATUS_CODES } from '../contract/http.ts';
import { type BlobPut, type BlobService, WHOLE_LIMIT } from './blob-service.ts';

/** Smaller answers are not worth compressing. */
const COMPRESS_ABOVE = 1024;
/** Compressed at once up to here: 512 KiB take 2 ms, less than the turns through the thread pool that a stream takes. */
const COMPRESS_SYNC = 512 << 10;
/** The lowest level: the other end is rarely far away, and every core here serves all. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/**
 * Bodies announced up to here are taken at once, as long as they have no more than {@link WHOLE_LIMIT} within: a stream
 * through zstd and the thread pool takes three times as long.
 */
const TAKE_WHOLE = 256 << 10;

/** A request whose body is left a stream. */
export interface BlobRequest {
  Params: { digest: string };
  Body: IncomingMessage | undefined;
}

/** `GET`, `HEAD` and `PUT /blobs/<sha256>`. */
export function blobRoutes(
  app: FastifyInstance,
  blobs: BlobService,
  count: (direction: 'in' | 'out', bytes: number) => void,
): void {
  // Bodies are bytes, whatever they are called; they stay a stream.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.put<BlobRequest>('/blobs/:digest', { bodyLimit: blobs.blobLimitBytes }, (request, reply) =>
    withDigest(request, reply, (digest) => put(digest, request, reply, blobs, count)),
  );
  app.get<BlobRequest>('/blobs/:digest', { exposeHeadRoute: false }, (request, reply) =>
    withDigest(request, reply, (digest) => get(digest, request, reply, blobs, count)),
  );
  app.head<BlobRequest>('/blobs/:digest', (request, reply) =>
    withDigest(request, reply, (digest) => {
      const size = blobs.sizeOf(digest);
      if (size === undefined) return say(reply, 404);
      return reply.header('content-length', size).type('application/octet-stream').send();
    }),
  );
}

function withDigest<R>(
  { params }: FastifyRequest<BlobRequest>,
  reply: FastifyReply,
  then: (digest: Digest) => R,
): R | FastifyReply {
  const digest = parseDigest(params.digest);
  return digest === undefined ? say(reply, 400, 'a blob is named by 64 lower-case hex digits') : then(digest);
}

/** A line for people. */
export function say(reply: FastifyReply, code: number, detail: string = STATUS_CODES[code] ?? ''): FastifyReply {
  return reply.code(code).type('text/plain; charset=utf-8').send(`${detail}\n`);
}

// Taking

async function put(
  digest: Digest,
  { body, headers }: FastifyRequest<BlobRequest>,
  reply: FastifyReply,
  blobs: BlobService,
  count: (direction: 'in' | 'out', bytes: number) => void,
): Promise<FastifyReply> {
  if (blobs.has(digest)) return say(reply, 200, 'known');
  if (Number(headers['content-length'] ?? 0) > blobs.blobLimitBytes) return tooLarge(reply);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'zstd') return say(reply, 415, 'encodings: identity, zstd');
  const source = body ?? Readable.from([]);
  source.on('data', (piece: Buffer) => count('in', piece.length)).pause();
  const isPacked = encoding === 'zstd';
  try {
    const small = Number(headers['content-length'] ?? Number.POSITIVE_INFINITY) <= TAKE_WHOLE;
    return answer(reply, await (small ? putWhole : putPieces)(digest, source, isPacked, blobs));
  } catch (error) {
    // The sender hung up or sent what is no zstd; errors of the disk are answers.
    return say(reply, 400, `the body broke off: ${(error as Error).message}`);
  }
}

function putPieces(digest: Digest, source: Readable, isPacked: boolean, blobs: BlobService): Promise<BlobPut> {
  return blobs.putStream(digest, piecesOf(source, isPacked));
}

/** A body that is announced as small: Node takes no more of it than was announced. */
async function putWhole(digest: Digest, source: Readable, isPacked: boolean, blobs: BlobService): Promise<BlobPut> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(piece as Buffer);
  const body = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  const bytes = isPacked ? unpackedWhole(body) : body;
  // Small bytes may have many within.
  return bytes === undefined
    ? putPieces(digest, Readable.from([body]), isPacked, blobs)
    : blobs.putBytes(digest, bytes);
}

/** Undefined where there are more than {@link WHOLE_LIMIT}; throws where they are damaged. */
function unpackedWhole(body: Buffer): Buffer | undefined {
  try {
    return zstdDecompressSync(body, { maxOutputLength: WHOLE_LIMIT });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}

/**
 * A reader that stops early leaves the request as it is: to destroy it would cut the line before the sender has the
 * answer. Node reads and drops the rest.
 */
function piecesOf(source: Readable, isPacked: boolean): AsyncIterable<Buffer> {
  return isPacked ? unpacked(source) : source.iterator({ destroyOnReturn: false });
}

function unpacked(source: Readable): Transform {
  const unpack = createZstdDecompress();
  // It may fail before its reader listens, which then finds it failed; unheard, an error would end the process.
  unpack.on('error', () => {});
  source.on('error', (error) => unpack.destroy(error));
  source.on('aborted', () => unpack.destroy(new Error('aborted')));
  return source.pipe(unpack);
}

/** How storing a blob ended. */
export function answer(reply: FastifyReply, stored: BlobPut): FastifyReply {
  switch (stored.kind) {
    case 'stored':
      return say(reply, stored.isNew ? 201 : 200, 'stored');
    case 'mismatch':
      return say(reply, 400, 'the bytes have another digest');
    case 'too-large':
      return tooLarge(reply);
    case 'no-room':
      return say(reply, 507, `no room: ${stored.code}`);
  }
}

function tooLarge(reply: FastifyReply): FastifyReply {
  return say(reply, 413, 'the blob is larger than the grid takes');
}

// Giving

async function get(
  digest: Digest,
  { headers }: FastifyRequest<BlobRequest>,
  reply: FastifyReply,
  blobs: BlobService,
  count: (direction: 'in' | 'out', bytes: number) => void,
): Promise<FastifyReply> {
  const size = blobs.sizeOf(digest);
  if (size === undefined) return say(reply, 404);
  const isPacked = size > COMPRESS_ABOVE && takesZstd(headers['accept-encoding']);
  reply.type('application/octet-stream').header('vary', 'accept-encoding');
  if (isPacked) reply.header('content-encoding', 'zstd');
  if (size <= (isPacked ? COMPRESS_SYNC : WHOLE_LIMIT)) {
    const bytes = await blobs.read(digest);
    if (bytes === undefined) return say(reply.removeHeader('content-encoding'), 404);
    const sent = isPacked ? zstdCompressSync(bytes, ZSTD) : bytes;
    count('out', sent.length);
    return reply.send(sent);
  }
  const reading = await blobs.open(digest);
  if (reading === undefined) return say(reply.removeHeader('content-encoding'), 404);
  const bytes = Readable.from(reading.pieces(), { objectMode: false, highWaterMark: 1 << 18 });
  const sent = isPacked ? packed(bytes) : bytes;
  if (!isPacked) reply.header('content-length', size);
  // A reader that leaves, before the first byte as well, must not keep the file open.
  sent.on('close', () => void reading.close());
  sent.on('data', (piece: Buffer) => count('out', piece.length)).pause();
  return reply.send(sent);
}

/** A damaged blob ends the answer short of its end, and never whole. */
function packed(bytes: Readable): Transform {
  const pack = createZstdCompress(ZSTD);
  pack.on('error', () => {});
  bytes.on('error', (error) => pack.destroy(error));
  pack.on('close', () => bytes.destroy());
  return bytes.pipe(pack);
}

function takesZstd(accepted: string | string[] | undefined): boolean {
  return String(accepted ?? '')
    .split(',')
    .some((part) => /^\s*zstd\s*(;\s*q=(?!0(\.0*)?\s*$)|$)/.test(part));
}
