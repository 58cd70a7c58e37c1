/**
 * A bucket as AWS's documents describe it, in memory. It checks every signature with code of its own, written after "Signature
 * Version 4 for API requests" and held to the examples there (s3-server.test.ts), not with the library that signs.
 */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HttpBed, startHttp } from './storage-servers.ts';

export interface S3Login {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** What is signed of a request. Header names in lower case. */
export interface Signed {
  readonly method: string;
  /** As it came, escaped, with no query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The signature that a request should have, by the date, the scope and the headers that it names itself. */
export function expectedSignature({ method, path, headers }: Signed, secret: string): string {
  const { scope, names } = authorizationOf(headers);
  const canonicalHeaders = names.map((name) => `${name}:${String(headers[name]).trim()}\n`).join('');
  const parts = [method, path, '', canonicalHeaders, names.join(';'), String(headers['x-amz-content-sha256'])];
  const [date = '', region = '', service = ''] = scope.split('/');
  const toSign = ['AWS4-HMAC-SHA256', String(headers['x-amz-date']), scope, sha256(parts.join('\n'))].join('\n');
  const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), 'aws4_request');
  return hmac(key, toSign).toString('hex');
}

function authorizationOf(headers: Signed['headers']): {
  readonly keyId: string;
  readonly scope: string;
  readonly names: readonly string[];
  readonly signature: string;
} {
  const text = String(headers.authorization);
  const [, keyId = '', scope = ''] = /Credential=([^/]+)\/([^,\s]+)/.exec(text) ?? [];
  const names = /SignedHeaders=([^,\s]+)/.exec(text)?.[1]?.split(';') ?? [];
  return { keyId, scope, names, signature: /Signature=([0-9a-f]+)/.exec(text)?.[1] ?? '' };
}

/** Why S3 would refuse; undefined where it would not. */
function refusalOf(request: IncomingMessage, body: Buffer, login: S3Login): string | undefined {
  const { headers, method = '', url = '' } = request;
  if (headers.authorization === undefined) return 'AccessDenied';
  const { keyId, scope, names, signature } = authorizationOf(headers);
  if (keyId !== login.accessKeyId) return 'InvalidAccessKeyId';
  if (scope.split('/')[1] !== login.region) return 'AuthorizationHeaderMalformed';
  const must = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
  if (must.some((name) => !names.includes(name))) return 'AccessDenied';
  if ((headers['x-amz-security-token'] ?? '') !== (login.sessionToken ?? '')) return 'InvalidToken';
  if (headers['x-amz-content-sha256'] !== sha256(body)) return 'XAmzContentSHA256Mismatch';
  const right = expectedSignature({ method, path: url, headers }, login.secretAccessKey);
  return right === signature ? undefined : 'SignatureDoesNotMatch';
}

export interface S3Bed extends HttpBed {
  /** What was refused, by the names that S3 gives. */
  readonly refused: string[];
}

/** `mayList`: S3 says 404 of what is not there only to who may list the bucket, and 403 to others. */
export async function startS3(login: S3Login, mayList = true): Promise<S3Bed> {
  const http = await startHttp();
  const refused: string[] = [];
  const refuse = (response: ServerResponse, status: number, code: string): void => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`);
  };
  http.misbehave = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const path = request.url ?? '';
      const why = refusalOf(request, body, login);
      if (why !== undefined) {
        refused.push(why);
        return refuse(response, why === 'AuthorizationHeaderMalformed' ? 400 : 403, why);
      }
      const found = http.entries.get(path);
      if (request.method === 'PUT') {
        http.entries.set(path, body);
        response.writeHead(200).end();
      } else if (found !== undefined) response.writeHead(200).end(request.method === 'GET' ? found : undefined);
      else refuse(response, mayList ? 404 : 403, mayList ? 'NoSuchKey' : 'AccessDenied');
    });
    return true;
  };
  return Object.assign(http, { refused });
}
