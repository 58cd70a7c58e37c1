/** A coordinator's blobs: the HTTP contract over a map, with faults on demand. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { zstdCompressSync } from 'node:zlib';
import { type Digest, sha256 } from '../../base/digest.ts';
import { packBlobs, readDigests } from '../../contract/blob-pack.ts';

export interface BlobHost {
  readonly port: number;
  readonly blobs: Map<string, Buffer>;
  /** Every request: method, digest, what it said of itself. */
  readonly asked: { method: string; digest: string; authorization: string | undefined }[];
  /** Answers instead of the usual, if it says true. */
  fault: (asked: IncomingMessage, answer: ServerResponse) => boolean;
  put(text: string | Buffer): { digest: Digest; size: number };
  close(): void;
}

/** @param tls certificate and key, for HTTPS */
export async function blobHost(tls?: { cert: Buffer; key: Buffer }): Promise<BlobHost> {
  const blobs = new Map<string, Buffer>();
  const host: Omit<BlobHost, 'port' | 'close'> = {
    blobs,
    asked: [],
    fault: () => false,
    put(text) {
      const bytes = Buffer.from(text);
      const digest = sha256(bytes);
      blobs.set(digest, bytes);
      return { digest, size: bytes.length };
    },
  };
  const serve = (asked: IncomingMessage, answer: ServerResponse): void => {
    const digest = (asked.url ?? '').slice('/blobs/'.length);
    host.asked.push({ method: asked.method ?? '', digest, authorization: asked.headers.authorization });
    if (host.fault(asked, answer)) return;
    if (asked.method === 'POST') void give(asked, answer, blobs);
    else if (asked.method === 'PUT') receive(asked, answer, digest, blobs);
    else send(asked, answer, blobs.get(digest));
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return Object.assign(host, {
    port,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
}

function receive(asked: IncomingMessage, answer: ServerResponse, digest: string, blobs: Map<string, Buffer>): void {
  const chunks: Buffer[] = [];
  asked.on('data', (chunk: Buffer) => chunks.push(chunk));
  asked.on('end', () => {
    const bytes = Buffer.concat(chunks);
    const right = sha256(bytes) === digest;
    if (right) blobs.set(digest, bytes);
    answer.writeHead(right ? 201 : 400).end();
  });
}

async function give(asked: IncomingMessage, answer: ServerResponse, blobs: Map<string, Buffer>): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of asked as AsyncIterable<Buffer>) pieces.push(piece);
  const digests = readDigests(Buffer.concat(pieces)) ?? [];
  const found = digests.flatMap((digest) => {
    const data = blobs.get(digest);
    return data === undefined ? [] : [{ digest, data }];
  });
  answer.writeHead(200).end(await packBlobs(found));
}

function send(asked: IncomingMessage, answer: ServerResponse, bytes: Buffer | undefined): void {
  if (bytes === undefined) answer.writeHead(404).end();
  else if (bytes.length > 1024 && /zstd/.test(`${asked.headers['accept-encoding']}`))
    answer.writeHead(200, { 'content-encoding': 'zstd' }).end(zstdCompressSync(bytes));
  else answer.writeHead(200).end(bytes);
}
