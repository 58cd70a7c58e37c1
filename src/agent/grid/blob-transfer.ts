import { createReadStream, statSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { fsPath } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { TlsIdentity } from '../../base/tls-identity.ts';

/** Blobs to and from the coordinator over HTTP. Failures are values: `undefined`, `false`. */
export interface BlobTransfer {
  get(digest: Digest): Promise<Buffer | undefined>;
  putFile(digest: Digest, path: string): Promise<boolean>;
  putBytes(digest: Digest, bytes: Buffer): Promise<boolean>;
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

export function blobTransfer({ host, port, token, tls }: BlobServer): BlobTransfer {
  const kept = { keepAlive: true, maxSockets: 8 };
  const agent = tls === undefined ? new HttpAgent(kept) : new TlsAgent({ ...kept, ...tls });
  const request = tls === undefined ? httpRequest : tlsRequest;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const options = (method: string, digest: Digest) => ({
    host,
    port,
    agent,
    method,
    path: `/blobs/${digest}`,
    timeout: TIMEOUT_MS,
  });
  const put = (digest: Digest, size: number, send: (to: NodeJS.WritableStream) => void): Promise<boolean> =>
    new Promise((resolve) => {
      const asked = request(
        { ...options('PUT', digest), headers: { ...headers, 'content-length': size } },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode === 200 || answer.statusCode === 201);
        },
      );
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => resolve(false));
      send(asked);
    });
  return {
    get: (digest) =>
      new Promise((resolve) => {
        const asked = request({ ...options('GET', digest), headers }, (answer) => {
          void readBody(answer).then((bytes) =>
            resolve(answer.statusCode === 200 && bytes !== undefined && sha256(bytes) === digest ? bytes : undefined),
          );
        });
        asked.on('timeout', () => asked.destroy());
        asked.on('error', () => resolve(undefined));
        asked.end();
      }),
    putFile: async (digest, path) => {
      const at = statSync(fsPath(path), { throwIfNoEntry: false });
      if (at === undefined) return false;
      // A file that changes meanwhile has another digest, which the coordinator refuses.
      return put(
        digest,
        at.size,
        (to) =>
          void createReadStream(fsPath(path), { end: Math.max(0, at.size - 1) })
            .on('error', () => to.end())
            .pipe(to),
      );
    },
    putBytes: (digest, bytes) => put(digest, bytes.length, (to) => void to.end(bytes)),
    close: () => agent.destroy(),
  };
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
