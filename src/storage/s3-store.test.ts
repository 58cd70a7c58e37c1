/** Signatures against the worked examples of AWS, by way of the server's own check (test/bed/s3-server.ts). */
import aws4 from 'aws4';
import { expect, test } from 'vitest';
import { expectedSignature } from '../../test/bed/s3-server.ts';
import { sha256 } from '../base/digest.ts';
import { parseStorageAddress, type S3Address } from '../config/storage-address.ts';
import { bucketPlace, s3Store, signedHeaders } from './s3-store.ts';

/** "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk", Amazon S3 API Reference. */
const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const BODY = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072';
const EXAMPLES = [
  {
    method: 'GET',
    path: '/test.txt',
    headers: { range: 'bytes=0-9', 'x-amz-content-sha256': EMPTY },
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    method: 'PUT',
    path: '/test%24file.text',
    headers: {
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': BODY,
    },
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
] as const;

const HEADERS = { host: 'examplebucket.s3.amazonaws.com', 'x-amz-date': '20130524T000000Z' };

test.each(EXAMPLES)("AWS's example: $method $path", ({ method, path, headers, signature }) => {
  const all: Record<string, string> = { ...HEADERS, ...headers };
  const names = Object.keys(all).sort().join(';');
  const authorization = `AWS4-HMAC-SHA256 Credential=${KEYS.accessKeyId}/20130524/us-east-1/s3/aws4_request,SignedHeaders=${names},Signature=x`;
  expect(expectedSignature({ method, path, headers: { ...all, authorization } }, KEYS.secretAccessKey)).toBe(signature);
  // The library leaves `range` unsigned unless it is told not to.
  const request = { service: 's3', region: 'us-east-1', method, path, headers: { ...all } };
  const signed = aws4.sign({ ...request, ...{ extraHeadersToInclude: { range: true } } }, KEYS);
  expect(String(signed.headers?.Authorization)).toContain(`Signature=${signature}`);
});

function address(text: string): S3Address {
  const parsed = parseStorageAddress(text);
  if (parsed.kind !== 's3') throw new Error(JSON.stringify(parsed));
  return parsed;
}

test.each([
  ['s3://bkt/p', {}, { host: 'bkt.s3.us-east-1.amazonaws.com', port: 443, tls: true, path: '/p', region: 'us-east-1' }],
  ['s3://bkt', { region: 'eu-west-1' }, { host: 'bkt.s3.eu-west-1.amazonaws.com', path: '' }],
  ['s3://bkt|region=r', { region: 'eu-west-1' }, { host: 'bkt.s3.r.amazonaws.com', region: 'r' }],
  ['s3://b.kt', {}, { host: 's3.us-east-1.amazonaws.com', path: '/b.kt' }],
  ['s3://bkt|path-style', {}, { host: 's3.us-east-1.amazonaws.com', path: '/bkt' }],
  ['s3://bkt/p', { endpoint: 'http://minio:9000' }, { host: 'minio', port: 9000, tls: false, path: '/bkt/p' }],
  [
    's3://bkt|endpoint=https://x|path-style=false',
    { endpoint: 'http://y' },
    { host: 'bkt.x', port: 443, tls: true, path: '' },
  ],
])('%s with %j', (text, env, place) => {
  expect(bucketPlace(address(text), env)).toMatchObject(place);
});

test('a request is signed with its body and the session, under the name that the server is called by', () => {
  const place = bucketPlace(address('s3://bkt|endpoint=http://minio:9000'), { region: 'x' });
  const body = Buffer.from('body');
  const signed = signedHeaders(place, { ...KEYS, sessionToken: 'token' }, { method: 'PUT', path: '/bkt/ab/cd', body });
  const headers = Object.fromEntries(Object.entries(signed).map(([name, value]) => [name.toLowerCase(), value]));
  expect(headers.host).toBe('minio:9000');
  expect(headers['x-amz-security-token']).toBe('token');
  const right = expectedSignature({ method: 'PUT', path: '/bkt/ab/cd', headers }, KEYS.secretAccessKey);
  expect(headers.authorization).toContain(`Signature=${right}`);
  expect(headers.authorization).toMatch(/SignedHeaders=[^,]*host;[^,]*x-amz-security-token/);
});

test('credentials that cannot be sent are trouble, and are not told', async () => {
  const store = s3Store(address('s3://bkt|endpoint=http://127.0.0.1:1'), { ...KEYS, sessionToken: 'secret\ntoken' });
  const answer = await store.get({ kind: 'result', digest: sha256('x') }, 10);
  expect(answer).toEqual({ kind: 'trouble', cause: 'denied', at: 's3://bkt', detail: 'ERR_INVALID_CHAR' });
});

test('without credentials nothing is signed', () => {
  const place = bucketPlace(address('s3://public'), {});
  expect(Object.keys(signedHeaders(place, {}, { method: 'GET', path: '/x' }))).toEqual([
    'Host',
    'X-Amz-Content-Sha256',
  ]);
});
