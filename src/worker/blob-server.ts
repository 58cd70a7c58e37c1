import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import type { TlsIdentity } from '../base/tls-identity.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import { listDigests, PACK_LIMIT, PACK_PATHS, unpackBlobs, type WholeBlob } from '../contract/blob-pack.ts';
import { Agent, type IncomingMessage, type RequestOptions, request, TlsAgent, tlsRequest } from '../contract/http.ts';

/** How a transfer went. Trouble is a value: the compile is done elsewhere. */
export type Transfer =
  | { readonly kind: 'done' }
  /** The coordinator has no such blob. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly why: string };

/** The coordinator's blobs over HTTP. */
export interface BlobServer {
  /** Writes a blob to a new file, proved by its digest and size. The file is there only if it is whole. */
  download(digest: Digest, size: number, path: string): Promise<Transfer>;
  /** The contents of many small blobs, as far as the coordinator has them; not yet proved. Undefined: no answer. */
  downloadPack(digests: readonly Digest[]): Promise<readonly WholeBlob[] | undefined>;
  /** Sends a file. It must not change meanwhile. */
  upload(digest: Digest, size: number, path: string): Promise<Transfer>;
  /** Transfers that are under way fail at once. */
  close(): void;
}

export interface BlobServerOptions {
  readonly host: string;
  readonly port: number;
  readonly token?: string | undefined;
  readonly tls?: TlsIdentity | undefined;
  /** Without a byte for this long a transfer is given up; in milliseconds. */
  readonly idleMs?: number;
}

const IDLE_MS = 30_000;
const CONNECTIONS = 16;

export function blobServer({ host, port, token, tls, idleMs = IDLE_MS }: BlobServerOptions): BlobServer {
  const agent =
    tls === undefined
      ? new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
      : new TlsAgent({ keepAlive: true, maxSockets: CONNECTIONS, ...tls });
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const base: RequestOptions = { host, port, agent, timeout: idleMs, signal: closing.signal };
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const ask = (method: string, path: string, headers: Record<string, string | number>, body?: string | Buffer) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options = { ...base, method, path, headers: { ...authorization, ...headers } };
      const asked = (tls === undefined ? request : tlsRequest)(options, (answer) => {
        // Whoever reads the body hears of it himself; a broken answer that nobody reads is no bug.
        answer.on('error', () => {});
        resolve(answer);
      });
      asked.on('timeout', () => asked.destroy(new Error('timed out')));
      asked.on('error', reject);
      if (typeof body !== 'string') asked.end(body);
      else pipeline(createReadStream(fsPath(body)), asked).catch(reject);
    });
  return {
    async download(digest, size, path) {
      try {
        const answer = await ask('GET', `/blobs/${digest}`, { 'accept-encoding': 'zstd' });
        if (answer.statusCode === 200) return await receive(answer, digest, size, path);
        return refused(answer);
      } catch (error) {
        return failed(error);
      }
    },
    async downloadPack(digests) {
      const list = listDigests(digests);
      try {
        const answer = await ask('POST', PACK_PATHS.give, { 'content-length': list.length }, list);
        if (answer.statusCode === 200) return await unpackBlobs(await wholeBody(answer));
        answer.resume();
      } catch {
        // Each is asked for alone then, and what is wrong will be said there.
      }
      return undefined;
    },
    async upload(digest, size, path) {
      try {
        const answer = await ask('PUT', `/blobs/${digest}`, { 'content-length': size }, path);
        answer.resume();
        return answer.statusCode === 200 || answer.statusCode === 201 ? { kind: 'done' } : refused(answer);
      } catch (error) {
        return failed(error);
      }
    },
    close() {
      closing.abort();
      agent.destroy();
    },
  };
}

async function wholeBody(answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > 2 * PACK_LIMIT) throw new Error('larger than packs are');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function refused(answer: IncomingMessage): Transfer {
  answer.resume();
  return answer.statusCode === 404 ? { kind: 'absent' } : { kind: 'failed', why: `HTTP ${answer.statusCode}` };
}

function failed(error: unknown): Transfer {
  const { code, message } = error as NodeJS.ErrnoException;
  return { kind: 'failed', why: code ?? message };
}

async function receive(answer: IncomingMessage, digest: Digest, size: number, path: string): Promise<Transfer> {
  const hash = createHash('sha256');
  let arrived = 0;
  const checking = new Transform({
    transform(piece: Buffer, _encoding, done) {
      arrived += piece.length;
      // However small it was on the wire: not a byte more than promised goes to the disk.
      if (arrived > size) return done(new Error('longer than promised'));
      hash.update(piece);
      done(null, piece);
    },
  });
  const decoding = answer.headers['content-encoding'] === 'zstd' ? [createZstdDecompress()] : [];
  try {
    await pipeline([answer, ...decoding, checking, createWriteStream(fsPath(path), { flags: 'wx', mode: 0o444 })]);
    if (arrived === size && hash.digest('hex') === digest) return { kind: 'done' };
    removeQuietly(path);
    return { kind: 'failed', why: 'not what its digest says' };
  } catch (error) {
    // A file that was there before is not ours to remove.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') removeQuietly(path);
    return failed(error);
  }
}
