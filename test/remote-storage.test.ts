/** Results shared through a storage without a coordinator: every kind of it, and what becomes of a build when it fails. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { startGrid } from './bed/grid.ts';
import { run, runOk } from './bed/run.ts';
import { type S3Login, startS3 } from './bed/s3-server.ts';
import { type HttpBed, nginx, type StorageServer, startHttp, startNginx, startRedis } from './bed/storage-servers.ts';
import { mounts, root, testWith, tool } from './bed/tools.ts';
import { layFiles } from './bed/twin.ts';

let bed: Bed;
const servers: StorageServer[] = [];
beforeEach(() => {
  bed = makeBed();
});
afterEach(async () => {
  await bed.remove();
  for (const server of servers.splice(0)) await server.end();
});

async function started<T extends StorageServer>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  servers.push(server);
  return server;
}

interface StorageStats {
  readonly hits: number;
  readonly local: number;
  readonly storageHits: number;
}

/** A machine with nothing in its cache, at the same directories as all others of the bed. */
interface Machine {
  /** Compiles and gives what the compiler left; waits until all that follows from it is done. */
  compile(...args: readonly string[]): Promise<{ readonly output: string; readonly object: Buffer }>;
  hgbuild(...args: readonly string[]): Promise<string>;
  stats(): Promise<StorageStats>;
  readonly env: NodeJS.ProcessEnv;
  log(): string;
}

let machines = 0;
function machine(storage: string, more: NodeJS.ProcessEnv = {}): Machine {
  machines += 1;
  const at = (name: string): string => join(bed.root, `${name}${machines}`);
  // Below the bed's own, so that its agents end with the bed.
  const runtime = join(bed.runtimeDir, String(machines));
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const own = { HG_CACHE_DIR: at('cache'), HG_RUNTIME_DIR: runtime, HG_REMOTE_STORAGE: storage };
  const env = { ...bed.env, ...own, ...more };
  const options = { cwd: bed.work, env };
  const hgbuild = async (...args: readonly string[]): Promise<string> =>
    (await runOk([HGBUILD, ...args], options)).stdout.toString();
  const stats = async (): Promise<StorageStats> => JSON.parse(await hgbuild('stats', '--json')) as StorageStats;
  let started: Promise<string> | undefined;
  return {
    env,
    hgbuild,
    stats,
    async compile(...args) {
      // A launcher on a busy machine does not wait for an agent that is just beginning.
      started ??= hgbuild('agent', 'start');
      await started;
      rmSync(join(bed.work, 'a.o'), { force: true });
      const { stderr } = await runOk([HGBUILD, '-v', 'gcc', '-c', 'a.c', ...args], options);
      await stats();
      return { output: stderr.toString(), object: readFileSync(join(bed.work, 'a.o')) };
    },
    log: () => readFileSync(join(at('cache'), 'agent.log'), 'utf8'),
  };
}

const SOURCE = {
  'a.c': '#include <stdio.h>\n#include "own.h"\nint main(void) { puts(OWN); }\n',
  'own.h': '#define OWN "x"\n',
};

/** Sources as old as those of a checkout: nothing of them is too young to be trusted. */
async function laySource(files: Readonly<Record<string, string>> = SOURCE): Promise<void> {
  // What an agent has looked at within half a second it does not look at again (src/agent/grid/shared-sight.ts), and it says
  // nothing when that time is over.
  if (existsSync(join(bed.work, 'a.c'))) await new Promise((resolve) => setTimeout(resolve, 600));
  layFiles(bed.work, files);
  for (const name of Object.keys(files)) utimesSync(join(bed.work, name), 1e9, 1e9);
}

async function plainObject(...args: readonly string[]): Promise<Buffer> {
  await runOk(['gcc', '-c', 'a.c', ...args, '-o', 'plain.o'], { cwd: bed.work, env: bed.env });
  const object = readFileSync(join(bed.work, 'plain.o'));
  rmSync(join(bed.work, 'plain.o'));
  return object;
}

/** One machine fills the storage, an empty one takes from it; both get what the plain compiler makes. */
async function expectShared(storage: string, more: NodeJS.ProcessEnv = {}): Promise<readonly [Machine, Machine]> {
  await laySource();
  const plain = await plainObject('-g', '-MD');
  const [first, second] = [machine(storage, more), machine(storage, more)];
  const made = await first.compile('-g', '-MD');
  expect([made.output, made.object.equals(plain)]).toEqual(['[local] a.c\n', true]);
  const depfile = readFileSync(join(bed.work, 'a.d'));
  rmSync(join(bed.work, 'a.d'));
  const taken = await second.compile('-g', '-MD');
  expect([taken.output, taken.object.equals(plain)]).toEqual(['[remote storage] a.c\n', true]);
  expect(readFileSync(join(bed.work, 'a.d'))).toEqual(depfile);
  expect(await first.stats()).toMatchObject({ hits: 0, local: 1, storageHits: 0 });
  expect(await second.stats()).toMatchObject({ hits: 1, local: 0, storageHits: 1 });
  expect(first.log() + second.log()).not.toMatch(/cannot be used|nothing can be stored/);
  return [first, second];
}

testWith([tool('gcc'), nginx], 'a web server that serves ccache serves us; a hit is filed here', async () => {
  const server = await started(startNginx(join(bed.root, 'nginx')));
  const [, second] = await expectShared(`${server.url}/cache`);
  const [shard = '', ...others] = readdirSync(join(bed.root, 'nginx/www/cache'));
  expect([others, shard]).toEqual([[], expect.stringMatching(/^[0-9a-f]{2}$/)]);
  expect(readdirSync(join(bed.root, `nginx/www/cache/${shard}`))[0]).toMatch(/^[0-9a-f]{62}$/);
  // Now it is an ordinary hit, for which nobody is asked.
  const log = (): string => readFileSync(join(bed.root, 'nginx/access.log'), 'utf8');
  const before = log();
  expect((await second.compile('-g', '-MD')).output).toBe('[hit] a.c\n');
  expect(log()).toBe(before);
});

testWith([tool('gcc'), nginx], 'what a web server does not let us store stays here, and costs nobody', async () => {
  const server = await started(startNginx(join(bed.root, 'nginx'), 'limit_except GET { deny all; }'));
  await laySource();
  const one = machine(server.url);
  expect((await one.compile()).output).toBe('[local] a.c\n');
  expect(one.log()).toMatch(/status 403.*nothing can be stored/);
  expect(one.log()).toContain('mark it |read-only');
  expect((await one.compile()).output).toBe('[hit] a.c\n');
});

testWith(
  [tool('gcc'), tool('redis-server')],
  'a Redis: on a port with a database, and on a socket with a password',
  async () => {
    const open = await started(startRedis(join(bed.root, 'redis1')));
    await expectShared(`${open.url}/3`);
    const shut = await started(startRedis(join(bed.root, 'redis2'), '--requirepass', 'secret word'));
    await expectShared(`redis://:secret%20word@127.0.0.1:${shut.port}`);
    rmSync(bed.work, { recursive: true });
    mkdirSync(bed.work);
    // Another database knows nothing of the first one's.
    await laySource();
    const elsewhere = machine(`redis+unix://:secret%20word@localhost${shut.socket}?db=2`);
    expect((await elsewhere.compile('-g', '-MD')).output).toBe('[local] a.c\n');
    expect(JSON.parse(await elsewhere.hgbuild('status', '--json')).remoteStorage).toMatchObject([{ healthy: true }]);
    const denied = machine(`redis://wrong@127.0.0.1:${shut.port}`);
    expect((await denied.compile('-g', '-MD')).output).toBe('[local] a.c\n');
    expect(denied.log()).toContain('WRONGPASS');
    expect(denied.log()).not.toContain('wrong@');
  },
);

testWith([tool('gcc'), tool('redis-server')], 'a Redis that is full still gives what it has', async () => {
  const server = await started(startRedis(join(bed.root, 'redis')));
  await expectShared(server.url);
  await runOk(['redis-cli', '-p', String(server.port), 'config', 'set', 'maxmemory', '1']);
  const third = machine(server.url);
  layFiles(bed.work, { 'a.c': 'int other;\n' });
  utimesSync(join(bed.work, 'a.c'), 1e9, 1e9);
  expect((await third.compile()).output).toBe('[local] a.c\n');
  expect(third.log()).toContain('OOM');
  await laySource();
  expect((await third.compile('-g', '-MD')).output).toBe('[remote storage] a.c\n');
});

const LOGIN: S3Login = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalr/XUtn+FEMI', region: 'eu-north-1' };
const AWS = {
  AWS_ACCESS_KEY_ID: LOGIN.accessKeyId,
  AWS_SECRET_ACCESS_KEY: LOGIN.secretAccessKey,
  AWS_REGION: LOGIN.region,
};

testWith([tool('gcc')], 'a bucket: the endpoint and the credentials from the usual variables', async () => {
  const server = await started(startS3(LOGIN));
  await expectShared('s3://bucket/some/prefix', { ...AWS, AWS_ENDPOINT_URL: server.url });
  expect(server.refused).toEqual([]);
  expect([...server.entries.keys()]).toEqual([
    expect.stringMatching(/^\/bucket\/some\/prefix\/[0-9a-f]{2}\/[0-9a-f]{62}$/),
  ]);
  // The launcher's variables count, not those of whoever started the agent; a wrong key is no reason to fail.
  const wrong = machine('s3://bucket/some/prefix', {
    ...AWS,
    AWS_ENDPOINT_URL: server.url,
    AWS_SECRET_ACCESS_KEY: 'no',
  });
  expect((await wrong.compile('-g', '-MD')).output).toBe('[local] a.c\n');
  expect(server.refused).toContain('SignatureDoesNotMatch');
  expect(wrong.log()).toContain('SignatureDoesNotMatch');
});

testWith([tool('gcc')], 'a bucket that may not be listed, with a session token, by attributes', async () => {
  const server = await started(startS3({ ...LOGIN, sessionToken: 'session//token==' }, false));
  const address = `s3://bucket|endpoint=${server.url}|region=${LOGIN.region}|layout=flat`;
  const { AWS_REGION: _region, ...env } = { ...AWS, AWS_SESSION_TOKEN: 'session//token==' };
  const [first] = await expectShared(address, env);
  expect(server.refused).toEqual([]);
  expect([...server.entries.keys()]).toEqual([expect.stringMatching(/^\/bucket\/[0-9a-f]{64}$/)]);
  // Large outputs are looked for before they are sent.
  await laySource({ 'a.c': 'char big[1 << 20] = { 1 };\n' });
  await first.compile();
  expect([server.entries.size, /cannot be used|nothing can be stored/.test(first.log())]).toEqual([3, false]);
  // What opens the door is written to no file.
  await first.hgbuild('agent', 'stop');
  const files = await runOk(['grep', '-rlaF', '-e', LOGIN.secretAccessKey, '-e', 'session//token', bed.root], {}).catch(
    () => undefined,
  );
  expect(files?.stdout.toString() ?? '').toBe('');
});

testWith([tool('gcc')], 'layouts, prefixes and logins of a web server', async () => {
  const server = await started(startHttp());
  await expectShared(`${server.url}/x/y/|layout=bazel|bearer-token=word`);
  expect([...server.entries.keys()]).toEqual([expect.stringMatching(/^\/x\/y\/ac\/[0-9a-f]{64}$/)]);
  expect(new Set(server.headers.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer word']));
  server.entries.clear();
  server.headers.length = 0;
  await expectShared(`${server.url.replace('//', '//me:my%20word@')}|layout=flat`);
  expect([...server.entries.keys()]).toEqual([expect.stringMatching(/^\/[0-9a-f]{64}$/)]);
  const basic = `Basic ${Buffer.from('me:my word').toString('base64')}`;
  expect(new Set(server.headers.map(({ authorization }) => authorization))).toEqual(new Set([basic]));
});

testWith(
  [tool('gcc')],
  'large outputs are entries of their own, stored once; a lost one is a miss and comes back',
  async () => {
    const server = await started(startHttp());
    const big = `char big[3 << 20] = { ${Array.from({ length: 40_000 }, (_, i) => (i * i) % 127).join(',')} };\n`;
    const [first, second, third] = [machine(server.url), machine(server.url), machine(server.url)];
    await laySource({ 'a.c': big });
    const plain = await plainObject();
    await first.compile();
    expect(server.entries.size).toBe(2);
    const taken = await second.compile();
    expect([taken.output, taken.object.equals(plain)]).toEqual(['[remote storage] a.c\n', true]);
    // Equal outputs of another compile are there already.
    await laySource({ 'a.c': `${big}/* */\n` });
    await second.compile();
    expect(server.entries.size).toBe(3);
    const [content] = [...server.requests].filter((line) => line.startsWith('HEAD'));
    server.entries.delete(content?.slice('HEAD '.length) ?? '');
    const again = await third.compile();
    expect([again.output, server.entries.size]).toEqual(['[local] a.c\n', 3]);
  },
);

testWith([tool('gcc')], 'in the bazel layout a content is exactly what its name says', async () => {
  const server = await started(startHttp());
  await laySource({ 'a.c': `char big[1 << 20] = { 1 };\n` });
  const one = machine(`${server.url}|layout=bazel`);
  const { object } = await one.compile();
  expect([...server.entries].find(([path]) => path.startsWith('/cas/'))?.[1].equals(object)).toBe(true);
});

testWith([tool('gcc')], 'several storages are asked in their order; a read-only one gets nothing', async () => {
  const [near, far] = [await started(startHttp()), await started(startHttp())];
  await laySource();
  await machine(far.url).compile();
  const one = machine(`${near.url} ${far.url}|read-only`);
  expect((await one.compile()).output).toBe('[remote storage] a.c\n');
  expect([near.requests.length, near.entries.size]).toEqual([1, 0]);
  await laySource({ ...SOURCE, 'own.h': '#define OWN "y"\n' });
  expect((await one.compile()).output).toBe('[local] a.c\n');
  expect([near.entries.size, far.entries.size]).toEqual([1, 1]);
});

testWith(
  [tool('gcc')],
  'another header, another option, a header that now shadows: no hit of the old result',
  async () => {
    const server = await started(startHttp());
    await expectShared(server.url);
    for (const files of [{ 'own.h': '#define OWN "other"\n' }, { 'stdio.h': 'int puts(const char *);\n' }]) {
      await laySource({ ...SOURCE, ...files });
      const args = 'stdio.h' in files ? ['-g', '-MD', '-I.'] : ['-g', '-MD'];
      const plain = await plainObject(...args);
      const made = await machine(server.url).compile(...args);
      expect([made.output, made.object.equals(plain)]).toEqual(['[local] a.c\n', true]);
    }
  },
);

testWith(
  [tool('gcc')],
  'recache asks nobody and replaces what is there; a switched-off cache sends nothing',
  async () => {
    const server = await started(startHttp());
    await expectShared(server.url);
    server.requests.length = 0;
    const one = machine(server.url, { HG_RECACHE: '1' });
    expect((await one.compile('-g', '-MD')).output).toBe('[local] a.c\n');
    expect(server.requests).toEqual([expect.stringMatching(/^PUT /)]);
    server.requests.length = 0;
    for (const variable of ['HG_DISABLE', 'HG_READONLY']) await machine(server.url, { [variable]: '1' }).compile('-O2');
    expect(server.requests).toEqual([]);
  },
);

/** A server that is in order, and filled; then told to misbehave. */
async function filled(): Promise<HttpBed> {
  const server = await started(startHttp());
  await expectShared(server.url);
  return server;
}

type Misbehaviour = NonNullable<HttpBed['misbehave']>;

/** Answers with `status` and this body. */
function says(
  status: number,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): Misbehaviour {
  return (_request, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}

function endless(_request: unknown, response: ServerResponse): boolean {
  const chunk = Buffer.alloc(1 << 20);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  response.writeHead(200);
  more();
  return true;
}

function breaksOff(request: IncomingMessage): boolean {
  request.destroy();
  return true;
}

function promisesTooMuch(_request: unknown, response: ServerResponse): boolean {
  response.writeHead(200, { 'content-length': '99999999999' }).flushHeaders();
  return true;
}

const LIES: Readonly<Record<string, Misbehaviour>> = {
  'status 500': says(500, 'no'),
  'a redirect': says(302, '', { location: 'http://127.0.0.1:1/' }),
  'an empty body': says(200),
  'other bytes': says(200, Buffer.alloc(5_000, 'HGR1')),
  'a broken connection': breaksOff,
  'a body without an end': endless,
  'a length beyond all bounds': promisesTooMuch,
  silence: () => true,
};

testWith(
  [tool('gcc')],
  'a storage that lies, breaks off or says nothing: the build goes on, and soon nobody asks it',
  async () => {
    const server = await filled();
    const stored = [...server.entries.values()][0] ?? Buffer.alloc(0);
    const plain = await plainObject('-g', '-MD');
    const damaged = Buffer.from(stored);
    damaged[damaged.length - 100] = (stored.at(-100) ?? 0) ^ 1;
    const more = { truncated: says(200, stored.subarray(0, -1)), damaged: says(200, damaged) };
    for (const [name, lie] of Object.entries({ ...LIES, ...more })) {
      server.misbehave = lie;
      server.requests.length = 0;
      const one = machine(`${server.url}|operation-timeout=300`);
      const made = await one.compile('-g', '-MD');
      expect([name, made.output, made.object.equals(plain)]).toEqual([name, '[local] a.c\n', true]);
      expect(one.log(), name).toContain('the remote storage cannot be used');
      expect((await one.stats()).storageHits).toBe(0);
    }
  },
);

testWith(
  [tool('gcc')],
  'a dead storage is asked once, not by every compile, and found again when it is back',
  async () => {
    const server = await started(startHttp());
    let isDead = true;
    server.misbehave = (request) => isDead && breaksOff(request);
    await laySource({ 'a.c': 'int a = N;\n' });
    const one = machine(server.url);
    let count = 0;
    const compile = async (): Promise<string> => {
      count += 1;
      return (await one.compile(`-DN=${count}`)).output;
    };
    while (count < 12) expect(await compile()).toBe('[local] a.c\n');
    // One question, one upload, and a look now and then whether it is back.
    expect(server.requests.length).toBeLessThanOrEqual(8);
    isDead = false;
    const deadline = performance.now() + 30_000;
    while (server.entries.size === 0 && performance.now() < deadline) await compile();
    expect(server.entries.size).toBeGreaterThan(0);
    expect(one.log().match(/cannot be used/g)?.length).toBeLessThanOrEqual(6);
  },
);

testWith([tool('gcc')], 'connections are kept; without the setting none is made', async () => {
  const server = await started(startHttp());
  const one = machine(server.url);
  await laySource({ 'a.c': 'int a = N;\n' });
  for (let i = 0; i < 5; i += 1) await one.compile(`-DN=${i}`);
  expect(server.requests.length).toBe(10);
  expect(server.connections()).toBeLessThanOrEqual(2);
  const before = server.connections();
  await laySource({ 'a.c': 'int none;\n' });
  expect((await machine('none').compile()).output).toBe('[local] a.c\n');
  expect(server.connections()).toBe(before);
});

testWith([tool('gcc')], 'config show, errors and doctor name a storage, and none of its secrets', async () => {
  const server = await started(startHttp());
  const secret = `${server.url.replace('//', '//user:hush@')}|bearer-token=hush http://127.0.0.1:1/x`;
  const one = machine(secret);
  for (const args of [
    ['config', 'show'],
    ['config', 'show', '--json'],
    ['config', 'show', 'cache.remote_storage'],
  ])
    expect(await one.hgbuild(...args)).toMatch(/^(?!.*hush).*127\.0\.0\.1/s);
  const doctor = JSON.parse(await one.hgbuild('doctor', '--json')) as { findings: { check: string; state: string }[] };
  const found = doctor.findings.filter(({ check }) => check === 'remote storage');
  expect(found.map(({ state }) => state)).toEqual(['ok', 'warn']);
  expect(JSON.stringify(doctor)).not.toContain('hush');
  const wrong = machine('http://user:hush@host|no-such=hush');
  const said = await run([HGBUILD, 'config', 'check'], { cwd: bed.work, env: wrong.env });
  const text = said.stdout.toString() + said.stderr.toString();
  expect(text).toMatch(/HG_REMOTE_STORAGE: .*attributes read-only/);
  expect(text).not.toContain('hush');
});

test('status tells of storages where there is no coordinator', async () => {
  const server = await started(startHttp());
  const one = machine(`${server.url} http://127.0.0.1:1/x`);
  const seen = await run([HGBUILD, 'status', '--json'], { cwd: bed.work, env: one.env });
  expect(JSON.parse(seen.stdout.toString())).toMatchObject({
    coordinator: null,
    remoteStorage: [
      { at: server.url, healthy: true },
      { at: 'http://127.0.0.1:1/x', healthy: false, cause: 'unreachable' },
    ],
  });
  expect(seen.status).toBe(1);
});

/** An authority and a server's certificate for 127.0.0.1 that it signed: paths below the bed. */
function certificates(): Record<'ca' | 'cert' | 'key', string> {
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: 'pipe', cwd: bed.root });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...key, '-subj', '/CN=server', '-keyout', 'server.key', '-out', 'server.csr');
  writeFileSync(join(bed.root, 'san'), 'subjectAltName=IP:127.0.0.1\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san'];
  openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.pem');
  return { ca: join(bed.root, 'ca.pem'), cert: join(bed.root, 'server.pem'), key: join(bed.root, 'server.key') };
}

testWith([tool('gcc'), tool('openssl'), tool('redis-server')], 'TLS, with an authority of your own', async () => {
  const { ca, cert, key } = certificates();
  const http = await started(startHttp({ cert: readFileSync(cert), key: readFileSync(key) }));
  await expectShared(`${http.url}|tls-ca=${ca}`);
  const flags = ['--tls', '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca];
  const redis = await started(startRedis(join(bed.root, 'redis'), ...flags, '--tls-auth-clients', 'no'));
  await expectShared(`rediss://127.0.0.1:${redis.port}|tls-ca=${ca}`);
  // Nobody whose certificate cannot be checked is believed.
  for (const [address, why] of [
    [http.url, /UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET/],
    [`${http.url}|tls-ca=/nowhere.pem`, /\/nowhere.pem cannot be read: ENOENT/],
  ] as const) {
    const one = machine(address);
    expect((await one.compile('-g', '-MD')).output).toBe('[local] a.c\n');
    expect(one.log()).toMatch(why);
  }
});

testWith(
  [root, mounts, tool('gcc')],
  'beside a coordinator: its results first, then the storage, then a worker',
  async () => {
    const server = await started(startHttp());
    await laySource();
    await machine(server.url).compile('-DA');
    const grid = await startGrid(bed, { workers: 1 });
    servers.push({ url: '', end: () => grid.end() });
    const beside = (slots: number): Machine => machine(server.url, grid.env(slots));
    server.requests.length = 0;
    expect((await beside(1).compile('-DA')).output).toBe('[remote storage] a.c\n');
    expect((await beside(0).compile('-DA')).output).toBe('[remote storage] a.c\n');
    // What is made here goes to both; who asks then is told by the coordinator.
    const one = beside(1);
    expect((await one.compile('-DB')).output).toBe('[local] a.c\n');
    expect(server.entries.size).toBe(2);
    expect((await beside(0).compile('-DB')).output).toBe('[shared] a.c\n');
    expect((await beside(0).compile('-DC')).output).toBe('[remote w1] a.c\n');
    await grid.end();
    servers.pop();
    // The coordinator is gone, the storage is not.
    expect((await beside(1).compile('-DB')).output).toBe('[remote storage] a.c\n');
    expect((await beside(0).compile('-DB')).output).toBe('[remote storage] a.c\n');
  },
);
