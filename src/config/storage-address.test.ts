import { expect, test } from 'vitest';
import { hideSecrets, parseStorageAddress, storageListType } from './storage-address.ts';

const TIMES = { readOnly: false, connectTimeoutMs: 500, operationTimeoutMs: 2_000 };

test.each([
  [
    'http://host/cache/',
    {
      kind: 'http',
      host: 'host',
      port: 80,
      tls: false,
      path: '/cache',
      layout: 'subdirs',
      shown: 'http://host/cache/',
    },
  ],
  ['https://[::1]:444', { kind: 'http', host: '::1', port: 444, tls: true, path: '' }],
  ['http://h|read-only', { readOnly: true }],
  [
    'http://h|read-only=false|connect-timeout=20|operation-timeout=90',
    { connectTimeoutMs: 20, operationTimeoutMs: 90 },
  ],
  [
    'http://h|layout=bazel|bearer-token=a%20b%7Cc'.replace('%20', ''),
    { layout: 'bazel', authorization: 'Bearer ab|c' },
  ],
  ['http://u:p%40@h', { authorization: `Basic ${Buffer.from('u:p@').toString('base64')}`, shown: 'http://***@h' }],
  ['s3://my.bucket/a/b/', { kind: 's3', bucket: 'my.bucket', prefix: '/a/b', layout: 'subdirs' }],
  [
    's3://bucket|endpoint=http://minio:9000|region=x|path-style=false',
    { endpoint: 'http://minio:9000', region: 'x', pathStyle: false },
  ],
  ['redis://host', { kind: 'redis', at: { host: 'host', port: 6379, tls: false }, database: 0 }],
  ['rediss://u:p@host:1/5', { at: { host: 'host', port: 1, tls: true }, user: 'u', password: 'p', database: 5 }],
  // A word alone is the password.
  ['redis://p%20w@host', { password: 'p w', shown: 'redis://***@host' }],
  ['redis+unix:/run/a%20b.sock?db=2', { at: '/run/a b.sock', database: 2 }],
  ['redis+unix://:p@localhost/run/x', { at: '/run/x', password: 'p' }],
])('%s', (text, address) => {
  const parsed = parseStorageAddress(text);
  expect(parsed).toMatchObject({ ...TIMES, ...address });
});

test.each([
  ['', /a URL that begins/],
  ['host:80', /a URL that begins/],
  ['ftp://host', /a URL that begins/],
  ['http://', /a URL that begins/],
  ['http://h?x', /without "\?"/],
  ['http://h|layout=x', /layout= with one of subdirs, flat, bazel/],
  ['http://h|endpoint=http://x', /one of the attributes read-only, .*bearer-token/],
  ['http://h|read-only=yes', /read-only=true or/],
  ['http://h|operation-timeout=2s', /MILLISECONDS/],
  ['http://h|operation-timeout=0', /MILLISECONDS/],
  ['http://h|bearer-token=a%0ab', /printable/],
  ['http://%zz@h', /a URL that begins/],
  ['s3://UPPER_CASE', /s3:\/\/BUCKET/],
  ['s3://bucket/a b', /a prefix of letters/],
  ['s3://bucket|endpoint=minio', /endpoint=http/],
  ['redis://h/x', /number of a database/],
  ['redis+unix:', /redis\+unix:\/PATH/],
])('%s is no address', (text, expected) => {
  const parsed = parseStorageAddress(text);
  expect(parsed).toEqual({ kind: 'bad', expected: expect.stringMatching(expected) });
});

test('the setting is a YAML list, or words separated by blanks as with ccache, or none', () => {
  const parse = (raw: unknown) => storageListType.parse(raw, { directory: '/', home: '/' });
  const both = { ok: true, value: ['http://a|read-only', 'redis://b'] };
  expect(parse(' http://a|read-only  redis://b ')).toEqual(both);
  expect(parse(['http://a|read-only', 'redis://b'])).toEqual(both);
  expect(parse('none')).toEqual({ ok: true, value: [] });
  for (const bad of [7, [7], ['none'], 'http://a none']) expect(parse(bad)).toMatchObject({ ok: false });
});

test.each([
  ['http://user:secret@host/x', 'http://***@host/x'],
  ['redis://secret@host', 'redis://***@host'],
  // Not escaped as it should be, and said so: a secret all the same.
  ['redis://user:se/cr@et@host', 'redis://***@host'],
  ['http://h|bearer-token=secret|read-only', 'http://h|bearer-token=***|read-only'],
  ['http://h|bearer-tokn=secret', 'http://h|bearer-tokn=***'],
  ['["http://u:secret@a","http://h|bearer-token=secret"]', '["http://***@a","http://h|bearer-token=***"]'],
  ['s3://b|endpoint=http://h:9|region=r', 's3://b|endpoint=http://h:9|region=r'],
])('%s is shown as %s', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown);
});

test('what is written can be read again where nothing is hidden', () => {
  const value = ['http://a|read-only', 's3://b/c|region=x'];
  expect(storageListType.write(value)).toBe('["http://a|read-only", "s3://b/c|region=x"]');
  expect(storageListType.write([])).toBe('none');
  expect(storageListType.write(['http://u:p@a'])).not.toContain('u:p');
});
