import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { fsPath } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { TlsIdentity } from '../../base/tls-identity.ts';
import { PACK_PATHS, packBlobs, type WholeBlob } from '../../contract/blob-pack.ts';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  TlsAgent,
  tlsRequest,
} from '../../contract/http.ts';

/** Blobs to and from the coordinator over HTTP. Failures are values: `undefined`, `false`. */
export interface BlobTransfer {
  /** `size`: in bytes, as promised. */
  get(digest: Digest, size: number): Promise<Buffer | undefined>;
  /** `size`: in bytes; a file that changes meanwhile has another digest, which the coordinator refuses. */
  putFile(digest: Digest, path: string, size: number): Promise<boolean>;
  putBytes(digest: Digest, bytes: Buffer): Promise<boolean>;
  /** Small ones, in one request. */
  putPack(blobs: readonly WholeBlob[]): Promise<boolean>;
  close(): void;
}

export interface BlobServer {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly tls: TlsIdentity | undefined;
}

const TIMEOUT_MS = 60_000;
/** No output is larger. */
const LIMIT = 1 << 30;
/** Smaller bodies are not worth compressing. */
const COMPRESS_ABOVE = 1024;
/** Objects shrink to a third at the lowest level, at 300 MB/s. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

type Headers = Readonly<Record<string, string | number>>;

export function blobTransfer({ host, port, token, tls }: BlobServer): BlobTransfer {
  const kept = { keepAlive: true, maxSockets: 8 };
  const agent = tls === undefined ? new HttpAgent(kept) : new TlsAgent({ ...kept, ...tls });
  const request = tls === undefined ? httpRequest : tlsRequest;
  const authorization: Headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  /** The answer of a request; undefined where there is none. */
  const ask = (
    method: string,
    path: string,
    headers: Headers,
    send: (to: NodeJS.WritableStream) => void,
  ): Promise<IncomingMessage | undefined> =>
    new Promise((resolve) => {
      const options = { host, port, agent, method, path, timeout: TIMEOUT_MS };
      const asked = request({ ...options, headers: { ...authorization, ...headers } }, resolve);
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => resolve(undefined));
      send(asked);
    });
  const sendBytes = async (method: string, path: string, body: Buffer, headers: Headers = {}): Promise<boolean> => {
    const length = { 'content-length': body.length };
    return isStored(await ask(method, path, { ...length, ...headers }, (to) => void to.end(body)));
  };
  return {
    async get(digest, size) {
      const answer = await ask('GET', `/blobs/${digest}`, { 'accept-encoding': 'zstd' }, (to) => void to.end());
      const body = answer === undefined ? undefined : await readBody(answer);
      if (answer?.statusCode !== 200 || body === undefined) return undefined;
      const bytes = answer.headers['content-encoding'] === 'zstd' ? await unpacked(body, size) : body;
      return bytes !== undefined && sha256(bytes) === digest ? bytes : undefined;
    },
    putFile: async (digest, path, size) =>
      isStored(
        await ask('PUT', `/blobs/${digest}`, { 'content-length': size }, (to) => {
          createReadStream(fsPath(path), { end: Math.max(0, size - 1) })
            .on('error', () => to.end())
            .pipe(to);
        }),
      ),
    async putBytes(digest, bytes) {
      const path = `/blobs/${digest}`;
      if (bytes.length <= COMPRESS_ABOVE) return sendBytes('PUT', path, bytes);
      return sendBytes('PUT', path, await compress(bytes, LEVEL), { 'content-encoding': 'zstd' });
    },
    putPack: async (blobs) => sendBytes('POST', PACK_PATHS.take, await packBlobs(blobs)),
    close: () => agent.destroy(),
  };
}

function isStored(answer: IncomingMessage | undefined): boolean {
  answer?.resume();
  return answer?.statusCode === 200 || answer?.statusCode === 201;
}

async function unpacked(body: Buffer, size: number): Promise<Buffer | undefined> {
  try {
    return await decompress(body, { maxOutputLength: Math.min(size, LIMIT) });
  } catch {
    return undefined; // Damaged, or more than was promised.
  }
}

async function readBody(answer: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > LIMIT) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined; // The connection broke.
  }
  return Buffer.concat(chunks);
}
