import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { testWith, tool } from '../../test/bed/tools.ts';
import { sha256 } from '../base/digest.ts';
import { isLocalNetwork, isLoopback } from '../contract/access.ts';
import { BuildServiceClient } from '../contract/generated/hybridgrid/v1/build.ts';
import { encodeStoredResult } from '../contract/stored-result.ts';
import { CoordinatorRefused, serveCoordinator } from './coordinator.ts';
import { blobOf, kindOf, resultIn, resultWith, specOf, startTestGrid, until } from './testing/grid-bed.ts';

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});
function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'hg-coordinator-'));
  made.push(path);
  return path;
}

const options = (more: object = {}) => ({
  host: '127.0.0.1',
  grpcPort: 0,
  httpPort: 0,
  dataDir: directory(),
  diskBytes: 1 << 30,
  version: 'test',
  log: () => {},
  ...more,
}); // prettier-ignore

test.each(['0.0.0.0', '::', '192.168.1.4'])('on %s it does not start without a token', async (host) => {
  for (const token of [undefined, '']) {
    await expect(serveCoordinator(options({ host, token }))).rejects.toMatchObject({
      name: 'CoordinatorRefused',
      reason: 'token-needed',
    });
  }
});

test('with a token it listens everywhere', async () => {
  const running = await serveCoordinator(options({ host: '0.0.0.0', token: 'secret' }));
  expect((await fetch(`http://127.0.0.1:${running.httpPort}/`)).status).toBe(401);
  await running.stop();
});

test('a port that is taken and a directory that is none are refused by name', async () => {
  const first = await serveCoordinator(options());
  for (const taken of [{ grpcPort: first.grpcPort }, { httpPort: first.httpPort }]) {
    await expect(serveCoordinator(options(taken))).rejects.toMatchObject({ reason: 'address-unusable' });
  }
  await first.stop();
  const file = join(directory(), 'file');
  writeFileSync(file, '');
  await expect(serveCoordinator(options({ dataDir: file }))).rejects.toThrow(CoordinatorRefused);
  await expect(serveCoordinator(options({ dataDir: join(file, 'below') }))).rejects.toMatchObject({
    reason: 'data-dir-unusable',
  });
});

test('a signal stops it, and calls that wait are answered', async () => {
  const stopping = new AbortController();
  const grid = await startTestGrid({ signal: stopping.signal });
  const worker = await grid.worker('w1', { slots: 1 });
  const client = grid.client();
  const running = client.compile(specOf('a'), { blobs: [blobOf('a')] });
  const waiting = client.compile(specOf('b'), { blobs: [blobOf('b')] });
  await until(() => worker.tasks.length === 1);
  const began = Date.now();
  stopping.abort();
  expect(kindOf(await running)).toBe('declined worker-lost');
  expect(kindOf(await waiting)).toMatch(/^declined (no-worker|worker-lost)$/);
  await until(() => worker.ended !== undefined);
  await grid.running.stop();
  expect(Date.now() - began).toBeLessThan(3000);
  await expect(fetch(grid.url)).rejects.toThrow();
  await grid.end();
});

/** A coordinator that has one result, stopped; gives its directory. */
async function withOneResult(): Promise<string> {
  const dataDir = directory();
  const grid = await startTestGrid({ dataDir });
  const worker = await grid.worker('w1');
  worker.onTask = (task) => worker.finish(task, resultWith('object code'));
  await grid.client().compile(specOf('int x;'), { blobs: [blobOf('int x;')] });
  await grid.running.stop();
  return dataDir;
}

const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile())
    .map((f) => join(f.parentPath, f.name)); // prettier-ignore

test.each<[string, (dataDir: string) => void]>([
  ['every file is garbage', (at) => each(at, (path) => writeFileSync(path, randomBytes(500)))],
  ['every file is empty', (at) => each(at, (path) => truncateSync(path, 0))],
  ['every file has one bit turned', (at) => each(at, turnABit)],
  ['results are gone', (at) => rmSync(join(at, 'v1/actions'), { recursive: true })],
  ['blobs are gone', (at) => rmSync(join(at, 'v1/blobs'), { recursive: true })],
  ['all is one file', replaceByFile],
  ['results lie in each other’s places', swapResults],
])('a directory in which %s is a fresh start', async (_name, damage) => {
  const dataDir = await withOneResult();
  damage(dataDir);
  const grid = await startTestGrid({ dataDir });
  const worker = await grid.worker('w1');
  worker.onTask = (task) => worker.finish(task, resultWith('object code'));
  const client = grid.client();
  const spec = specOf('int x;');
  const asked = await client.compile(spec, { storedOnly: true });
  expect(kindOf(asked)).toBe('declined stored-only');
  const again = resultIn(await client.compile(spec, { blobs: [blobOf('int x;')] }));
  expect([again.fromCache, again.outputs[0]?.data.toString()]).toEqual([false, 'object code']);
  expect(resultIn(await client.compile(spec)).fromCache).toBe(true);
  await grid.end();
});

function each(dataDir: string, damage: (path: string) => void): void {
  for (const path of filesBelow(join(dataDir, 'v1'))) damage(path);
}

function replaceByFile(dataDir: string): void {
  rmSync(join(dataDir, 'v1'), { recursive: true });
  writeFileSync(join(dataDir, 'v1'), 'x');
}

function turnABit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
  writeFileSync(path, bytes);
}

/** A whole result, with its right checksum, under the name of another action. */
function swapResults(dataDir: string): void {
  const [path = ''] = filesBelow(join(dataDir, 'v1/actions'));
  const other = encodeStoredResult(randomBytes(32), resultWith('object code'));
  writeFileSync(path, other);
}

test('what an earlier run left half-written is removed once it is old', async () => {
  const dataDir = directory();
  mkdirSync(join(dataDir, 'v1/tmp'), { recursive: true });
  for (const name of ['old', 'young']) writeFileSync(join(dataDir, 'v1/tmp', name), 'x');
  utimesSync(join(dataDir, 'v1/tmp/old'), 1000, 1000);
  const running = await serveCoordinator(options({ dataDir }));
  expect(readdirSync(join(dataDir, 'v1/tmp'))).toEqual(['young']);
  await running.stop();
});

test('a full disk is no flood in the log', async () => {
  const grid = await startTestGrid({ diskBytes: 20_000 });
  for (let i = 0; i < 30; i += 1) {
    const body = randomBytes(30_000);
    expect((await fetch(`${grid.url}/blobs/${sha256(body)}`, { method: 'PUT', body })).status).toBe(507);
  }
  const said = grid.logged.filter(({ message }) => message === 'a blob could not be stored');
  expect(said.length).toBeGreaterThan(0);
  expect(said.length).toBeLessThan(10);
  await grid.end();
});

testWith([tool('openssl')], 'with a certificate both faces speak TLS', async () => {
  const at = directory();
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout',
      join(at, 'key'),
      '-out',
      join(at, 'cert'),
    ],
    { stdio: 'ignore' },
  ); // prettier-ignore
  const [key, cert] = [readFileSync(join(at, 'key')), readFileSync(join(at, 'cert'))];
  const running = await serveCoordinator(options({ tls: { key, cert } }));
  const status = await new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: running.httpPort, path: '/healthz', ca: cert }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
  expect(status).toBe(200);
  const client = new BuildServiceClient(`localhost:${running.grpcPort}`, credentials.createSsl(cert));
  const answer = await new Promise<{ healthy: boolean }>((resolve, reject) => {
    client.healthCheck({}, (error, found) => (error === null ? resolve(found) : reject(error)));
  });
  expect(answer.healthy).toBe(true);
  client.close();
  await running.stop();
});

test.each([
  ['127.0.0.1', true, true],
  ['127.8.9.1', true, true],
  ['::1', true, true],
  ['0:0:0:0:0:0:0:1', true, true],
  ['localhost', true, true],
  ['0.0.0.0', false, false],
  ['::', false, false],
  ['1::1', false, false],
  ['10.1.2.3', false, true],
  ['172.16.0.1', false, true],
  ['172.32.0.1', false, false],
  ['192.168.7.7', false, true],
  ['::ffff:192.168.7.7', false, true],
  ['fd00::5', false, true],
  ['fe80::1', false, true],
  ['8.8.8.8', false, false],
  ['127.example.com', false, false],
])('%s: loopback %s, local network %s', (address, loopback, local) => {
  expect([isLoopback(address), isLocalNetwork(address)]).toEqual([loopback, local]);
});
