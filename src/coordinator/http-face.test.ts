import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { Readable } from 'node:stream';
import { createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { type Digest, sha256 } from '../base/digest.ts';
import { cacheLayout, shardedPath } from '../cas/layout.ts';
import type { CoordinatorOptions } from './coordinator.ts';
import { blobOf, resultIn, resultWith, specOf, startTestGrid, type TestGrid, until } from './testing/grid-bed.ts';

/** As real clients do: who closes after one request may lose its answer while it still sends. */
let agent = new Agent({ keepAlive: true });
let grid: TestGrid | undefined;
afterEach(async () => {
  agent.destroy();
  agent = new Agent({ keepAlive: true });
  await grid?.end();
  grid = undefined;
});

async function start(more: Partial<CoordinatorOptions> = {}): Promise<TestGrid> {
  grid = await startTestGrid(more);
  return grid;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Node's own client: it neither unpacks nor follows anything. */
function ask(
  { running }: TestGrid,
  method: string,
  path: string,
  headers: Record<string, string | number> = {},
  body?: Buffer | Readable,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: running.httpPort, host: '127.0.0.1', method, path, headers, agent }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(pieces) }),
      );
    });
    asked.on('error', reject);
    asked.flushHeaders();
    if (body instanceof Readable) body.pipe(asked);
    else asked.end(body);
  });
}

const pathOf = (bytes: Buffer): string => `/blobs/${sha256(bytes)}`;
const inTmp = ({ dataDir }: TestGrid): string[] =>
  existsSync(`${dataDir}/v1/tmp`) ? readdirSync(`${dataDir}/v1/tmp`) : [];
const onDisk = ({ dataDir }: TestGrid, digest: Digest): string => shardedPath(cacheLayout(dataDir).blobs, digest);

test.each([0, 10, 1025, 70_000, 3_000_000])('a blob of %i bytes goes in and out, plain and packed', async (size) => {
  const g = await start();
  const bytes = size === 10 ? Buffer.from('0123456789') : Buffer.alloc(size, randomBytes(300));
  const path = pathOf(bytes);
  expect((await ask(g, 'GET', path)).status).toBe(404);
  expect((await ask(g, 'HEAD', path)).status).toBe(404);
  expect((await ask(g, 'PUT', path, {}, bytes)).status).toBe(201);
  expect((await ask(g, 'PUT', path, { 'content-type': 'application/json' }, bytes)).status).toBe(200);
  const head = await ask(g, 'HEAD', path);
  expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, String(size), 0]);
  const plain = await ask(g, 'GET', path);
  expect([plain.status, plain.headers['content-encoding'], plain.headers['content-length']]).toEqual([
    200,
    undefined,
    String(size),
  ]);
  expect(plain.body.equals(bytes)).toBe(true);
  const packed = await ask(g, 'GET', path, { 'accept-encoding': 'gzip, zstd;q=0.9' });
  expect(packed.headers['content-encoding']).toBe(size > 1024 ? 'zstd' : undefined);
  expect((size > 1024 ? zstdDecompressSync(packed.body) : packed.body).equals(bytes)).toBe(true);
  expect((await ask(g, 'GET', path, { 'accept-encoding': 'zstd;q=0' })).headers['content-encoding']).toBe(undefined);
});

test('packed bodies are unpacked, and their digest is that of the bytes within', async () => {
  const g = await start();
  const bytes = Buffer.alloc(2_000_000, 'abc');
  const packed = { 'content-encoding': 'zstd' };
  expect((await ask(g, 'PUT', pathOf(bytes), packed, zstdCompressSync(bytes))).status).toBe(201);
  expect((await ask(g, 'GET', pathOf(bytes))).body.equals(bytes)).toBe(true);
  const other = Buffer.from('other');
  expect((await ask(g, 'PUT', pathOf(other), packed, other)).status).toBe(400);
  expect((await ask(g, 'PUT', pathOf(other), packed, zstdCompressSync(bytes).subarray(0, 50))).status).toBe(400);
  expect((await ask(g, 'PUT', pathOf(other), { 'content-encoding': 'br' }, other)).status).toBe(415);
  expect(inTmp(g)).toEqual([]);
});

test('what is not a blob’s name, or not its content, is a bad request', async () => {
  const g = await start();
  const bytes = Buffer.from('right');
  expect((await ask(g, 'PUT', pathOf(bytes), {}, Buffer.from('wrong'))).status).toBe(400);
  expect((await ask(g, 'GET', pathOf(bytes))).status).toBe(404);
  for (const name of ['abc', 'A'.repeat(64), `${'a'.repeat(64)}b`, '..%2f..%2fetc%2fpasswd', '%ff']) {
    expect((await ask(g, 'GET', `/blobs/${name}`)).status).toBe(400);
    expect((await ask(g, 'PUT', `/blobs/${name}`, {}, bytes)).status).toBe(400);
  }
  expect((await ask(g, 'DELETE', pathOf(bytes))).status).toBe(404);
});

test('a blob above the limit is refused, announced or unpacked', async () => {
  const g = await start({ blobLimitBytes: 8 << 20 });
  const path = pathOf(Buffer.from('x'));
  const announced = ask(g, 'PUT', path, { 'content-length': (8 << 20) + 1 }, new Readable({ read: () => {} }));
  expect((await announced).status).toBe(413);
  const large = Buffer.alloc(20 << 20);
  expect((await ask(g, 'PUT', path, { 'transfer-encoding': 'chunked' }, Readable.from([large, large]))).status).toBe(
    413,
  );
  const zeros = Buffer.alloc(1 << 20);
  let left = 1000;
  const bomb = Readable.from(
    (function* () {
      while (left-- > 0) yield zeros;
    })(),
  ).pipe(createZstdCompress()); // prettier-ignore
  const before = process.memoryUsage().rss;
  expect((await ask(g, 'PUT', path, { 'content-encoding': 'zstd' }, bomb)).status).toBe(413);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
  expect(inTmp(g)).toEqual([]);
});

test('where the disk has no room the answer is 507, and the rest goes on', async () => {
  const g = await start({ diskBytes: 100_000 });
  const bytes = randomBytes(200_000);
  expect((await ask(g, 'PUT', pathOf(bytes), {}, bytes)).status).toBe(507);
  expect((await ask(g, 'PUT', pathOf(bytes.subarray(1000, 2000)), {}, bytes.subarray(1000, 2000))).status).toBe(201);
  expect(inTmp(g)).toEqual([]);
});

test('a sender that hangs up leaves nothing, a reader that hangs up keeps nothing open', async () => {
  const g = await start();
  const bytes = randomBytes(30_000_000);
  const asked = request({
    port: g.running.httpPort,
    method: 'PUT',
    path: pathOf(bytes),
    headers: { 'content-length': bytes.length },
  });
  asked.on('error', () => {});
  asked.write(bytes.subarray(0, 10_000_000));
  await until(() => inTmp(g).length === 1);
  asked.destroy();
  await until(() => inTmp(g).length === 0);
  expect((await ask(g, 'PUT', pathOf(bytes), {}, bytes)).status).toBe(201);
  const openOnBlob = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`).includes(sha256(bytes))).length;
  for (const headers of [{}, { 'accept-encoding': 'zstd' }]) {
    const reading = request({ port: g.running.httpPort, path: pathOf(bytes), headers }, (answer) => {
      answer.once('data', () => reading.destroy());
      answer.on('error', () => {});
    });
    reading.on('error', () => {});
    reading.end();
    await until(() => reading.destroyed);
    await until(() => openOnBlob() === 0, 'closing the blob');
  }
});

test.each([{}, { 'accept-encoding': 'zstd' }])('a blob that rotted never arrives whole (%o)', async (headers) => {
  const g = await start();
  for (const size of [50_000, 5_000_000]) {
    const bytes = randomBytes(size);
    await ask(g, 'PUT', pathOf(bytes), {}, bytes);
    writeFileSync(onDisk(g, sha256(bytes)), randomBytes(size));
    const answer = await ask(g, 'GET', pathOf(bytes), headers).catch((error: Error) => error);
    if (size > 1 << 20) expect(answer).toBeInstanceOf(Error);
    else expect(answer).toMatchObject({ status: 404 });
    expect((await ask(g, 'HEAD', pathOf(bytes))).status).toBe(404);
  }
});

test('everything but the health check takes the token', async () => {
  const g = await start({ token: 'secret-token' });
  const bytes = Buffer.from('x');
  const good = { authorization: 'Bearer secret-token' };
  for (const path of ['/', '/metrics', '/api/v1/workers', pathOf(bytes), '/nothing']) {
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: 'secret-token' },
      { cookie: 'hybridgrid=secret-token' },
    ]) {
      expect((await ask(g, 'GET', path, headers as Record<string, string>)).status).toBe(401);
    }
    expect((await ask(g, 'GET', `${path}?token=wrong`)).status).toBe(401);
    expect((await ask(g, 'GET', path, good)).status).not.toBe(401);
  }
  expect((await ask(g, 'PUT', pathOf(bytes), {}, bytes)).status).toBe(401);
  expect((await ask(g, 'PUT', pathOf(bytes), good, bytes)).status).toBe(201);
  expect((await ask(g, 'GET', '/healthz')).body.toString()).toBe('ok\n');
});

test('a browser gives the token once and gets a cookie that is good for looking', async () => {
  const g = await start({ token: 'secret-token' });
  const first = await ask(g, 'GET', '/?token=secret-token');
  expect([first.status, first.headers.location]).toEqual([303, '/']);
  const [cookie = ''] = first.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/^hybridgrid=[0-9a-f]{64}; HttpOnly; SameSite=Strict; Path=\/$/);
  expect(cookie).not.toContain('secret-token');
  const headers = { cookie: cookie.split(';')[0] ?? '' };
  expect((await ask(g, 'GET', '/', headers)).status).toBe(200);
  expect((await ask(g, 'GET', '/api/v1/workers', headers)).status).toBe(200);
  const bytes = Buffer.from('x');
  expect((await ask(g, 'PUT', pathOf(bytes), headers, bytes)).status).toBe(401);
  expect((await ask(g, 'PUT', `${pathOf(bytes)}?token=secret-token`, {}, bytes)).status).toBe(401);
  expect((await ask(g, 'GET', '//evil.example/?token=secret-token')).headers.location).toBe('/');
});

test('the page, the list and the figures tell what is there', async () => {
  const g = await start();
  expect((await ask(g, 'GET', '/')).body.toString()).toContain('None is connected');
  const worker = await g.worker('<script>alert("1")</script>', { cpuCores: 12, slots: 3 });
  worker.onTask = (task) => worker.finish(task, resultWith('object code'));
  const client = g.client();
  const blobs = [blobOf('int x;')];
  expect(resultIn(await client.compile(specOf('int x;'), { blobs })).fromCache).toBe(false);
  expect(resultIn(await client.compile(specOf('int x;'))).fromCache).toBe(true);
  await ask(g, 'PUT', pathOf(Buffer.alloc(5000)), {}, Buffer.alloc(5000));

  const page = await ask(g, 'GET', '/');
  const html = page.body.toString();
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(html).not.toContain('<script');
  expect(html).toContain('&#60;script&#62;alert(&#34;1&#34;)');
  expect(html).toContain('1 ok');
  expect(html).not.toMatch(/https?:\/\//);
  const list = JSON.parse((await ask(g, 'GET', '/api/v1/workers')).body.toString());
  expect(list.workers).toMatchObject([
    {
      cores: 12,
      slots: 3,
      gpus: ['pci:8086:9a49'],
      completed_tasks: 1,
      active_tasks: 0,
      circuit: 'closed',
      latency_ms: 10,
    },
  ]);
  const metrics = (await ask(g, 'GET', '/metrics')).body.toString();
  for (const line of [
    'hybridgrid_tasks_total{result="ok"} 1',
    'hybridgrid_shared_cache_hits_total 1',
    'hybridgrid_shared_cache_misses_total 1',
    'hybridgrid_blob_bytes_total{direction="in"} 5000',
    'hybridgrid_workers 1',
    'hybridgrid_slots 3',
    'hybridgrid_queue_length 0',
    'hybridgrid_task_seconds_count 1',
    'hybridgrid_stored_results 1',
  ]) {
    expect(metrics.split('\n')).toContain(line);
  }
});

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
