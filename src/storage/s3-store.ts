import aws4, { type Credentials } from 'aws4';
import { sha256 } from '../base/digest.ts';
import type { S3Address } from '../config/storage-address.ts';
import type { S3Environment } from '../config/storage-credentials.ts';
import { type Answer, type Asked, exchange } from './exchange.ts';
import { found, isThere, putTrouble } from './http-store.ts';
import { entryPath } from './layouts.ts';
import { type EntryKey, type Store, type StoreTrouble, UPLOAD_PATIENCE } from './store.ts';

/** Where AWS begins to look for a bucket. */
const USUAL_REGION = 'us-east-1';
const ERROR_BODY_LIMIT = 64 << 10;
const EMPTY_DIGEST = sha256('');

/** Where a bucket is: the server, and what stands before its objects' names there. */
export interface BucketPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly path: string;
  readonly region: string;
}

/** A bucket of AWS or of a server that speaks the same, every request signed (Signature Version 4). */
export function s3Store(address: S3Address, env: S3Environment, ca?: Buffer): Store {
  const { shown, readOnly, layout, operationTimeoutMs: timeoutMs } = address;
  const place = bucketPlace(address, env);
  const to = exchange({ ...place, connectTimeoutMs: address.connectTimeoutMs, shown, ca });
  const ask = async (key: EntryKey, asked: Omit<Asked, 'path' | 'headers'>): Promise<Answer | StoreTrouble> => {
    const { method, body } = asked;
    const path = place.path + entryPath(layout, key);
    const answer = await to.ask({ ...asked, path, headers: signedHeaders(place, env, { method, path, body }) });
    return answer.kind === 'answer' ? readAnswer(answer, method, shown, place.region) : answer;
  };
  return {
    shown,
    readOnly,
    wantsPlain: false,
    get: async (key, limit) =>
      found(await ask(key, { method: 'GET', limit: Math.max(limit, ERROR_BODY_LIMIT), timeoutMs }), shown, limit),
    has: async (key) => isThere(await ask(key, { method: 'HEAD', limit: 0, timeoutMs }), shown),
    put: async (key, body) =>
      putTrouble(
        await ask(key, { method: 'PUT', body, limit: ERROR_BODY_LIMIT, timeoutMs: UPLOAD_PATIENCE * timeoutMs }),
        shown,
      ),
    close: () => to.close(),
  };
}

/** As AWS's own programs find it: attributes, then variables, then what is usual. */
export function bucketPlace(address: S3Address, env: S3Environment): BucketPlace {
  const region = address.region ?? env.region ?? USUAL_REGION;
  const own = address.endpoint ?? env.endpoint;
  const url = new URL(own ?? `https://s3.${region}.amazonaws.com`);
  // No certificate of *.s3.amazonaws.com is good for a bucket with a dot, and servers of one's own have one name.
  const inPath = address.pathStyle ?? (own !== undefined || address.bucket.includes('.'));
  const tls = url.protocol === 'https:';
  return {
    host: inPath ? url.hostname : `${address.bucket}.${url.hostname}`,
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    tls,
    path: `${inPath ? `/${address.bucket}` : ''}${address.prefix}`,
    region,
  };
}

/** The headers of a signed request; unsigned where there are no credentials, as a public bucket wants it. */
export function signedHeaders(
  { host, port, tls, region }: BucketPlace,
  env: S3Environment,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body?: Buffer | undefined },
): Record<string, string> {
  const name = port === (tls ? 443 : 80) ? host : `${host}:${port}`;
  const headers = { Host: name, 'X-Amz-Content-Sha256': body === undefined ? EMPTY_DIGEST : sha256(body) };
  const { accessKeyId, secretAccessKey, sessionToken } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined) return headers;
  const credentials: Credentials = {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
  const length = body === undefined ? {} : { 'Content-Length': String(body.length) };
  const request = { service: 's3', region, method, host: name, path, headers: { ...headers, ...length } };
  return aws4.sign(request, credentials).headers as Record<string, string>;
}

/** What answers stand for that S3 gives and plain servers do not. Codes stand in the body, which a HEAD does not have. */
function readAnswer(answer: Answer, method: Asked['method'], at: string, region: string): Answer | StoreTrouble {
  const { status, body } = answer;
  const code = /<Code>([A-Za-z0-9]{1,80})<\/Code>/.exec(body.toString('latin1', 0, ERROR_BODY_LIMIT))?.[1];
  const denied = (detail: string): StoreTrouble => ({ kind: 'trouble', cause: 'denied', at, detail });
  if (status === 301 || code === 'AuthorizationHeaderMalformed') return denied(`the bucket is not in ${region}`);
  if (status !== 403) return answer;
  // To who may not list the bucket it says so of what is not there.
  if (method === 'HEAD' || (method === 'GET' && code === 'AccessDenied')) return { ...answer, status: 404 };
  return denied(code ?? 'status 403');
}
