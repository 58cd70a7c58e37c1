/** What the settings of a grid do: TLS, who may listen where, no fallback, places on this machine. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchCompilers } from './bed/chaos.ts';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { type Grid, startGrid } from './bed/grid.ts';
import { signalProcess, until } from './bed/processes.ts';
import { run } from './bed/run.ts';
import { mounts, root, testWith, tool } from './bed/tools.ts';
import { expectTwin, layFiles } from './bed/twin.ts';

const HG_COORD = join(import.meta.dirname, '../bin/hg-coord');

let bed: Bed;
let grid: Grid | undefined;
beforeEach(() => {
  bed = makeBed();
});
afterEach(async () => {
  await grid?.end();
  grid = undefined;
  await bed.remove();
});

/** An authority, and what it signed for a server and for a client. */
function certificates(): Record<'ca' | 'server' | 'serverKey' | 'client' | 'clientKey', string> {
  const at = (name: string): string => join(bed.root, name);
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: 'pipe', cwd: bed.root });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    execFileSync('sh', ['-c', 'echo subjectAltName=IP:127.0.0.1 >san'], { cwd: bed.root });
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.pem`);
  }
  return {
    ca: at('ca.pem'),
    server: at('server.pem'),
    serverKey: at('server.key'),
    client: at('client.pem'),
    clientKey: at('client.key'),
  };
}

testWith(
  [root, mounts, tool('openssl'), tool('gcc')],
  'everything speaks TLS, each end with its certificate',
  async () => {
    const pem = certificates();
    grid = await startGrid(bed, {
      workers: 1,
      coordinatorFlags: [`--tls-cert=${pem.server}`, `--tls-key=${pem.serverKey}`, `--tls-client-ca=${pem.ca}`],
      workerFlags: [`--tls-ca=${pem.ca}`, `--tls-cert=${pem.client}`, `--tls-key=${pem.clientKey}`],
    });
    const env = { ...grid.env(0), HG_TLS_CA: pem.ca, HG_TLS_CERT: pem.client, HG_TLS_KEY: pem.clientKey };
    const files = { 'a.c': '#include <stdio.h>\nint a;\n', 'b.c': 'int b;\n' };
    await expectTwin(bed, { files, env, script: 'gcc -g -c a.c; echo $?' });
    expect(await bed.stats()).toMatchObject({ remoteCompiles: 1 });
    const status = (more: NodeJS.ProcessEnv, ...flags: string[]) =>
      run([HGBUILD, ...flags, 'status'], { env: { ...bed.env, ...grid?.env(0), ...more } });
    expect((await status(env)).status).toBe(0);
    const bare = { HG_TLS_CERT: pem.client, HG_TLS_KEY: pem.clientKey };
    const open = await status(bare, '--tls-ca', pem.ca);
    expect([open.status, open.stderr.toString()], 'no warning either').toEqual([0, '']);
    // Without TLS, or without a certificate of its own, nobody is let in: a compile goes on at home.
    const lacks = [
      [{ HG_TLS_CA: 'none', HG_TLS_CERT: 'none', HG_TLS_KEY: 'none' }, 'Then name its authorities with --tls-ca'],
      [{ HG_TLS_CA: pem.ca }, 'or ask for yours (--tls-cert)'],
    ] as const;
    for (const [lacking, remedy] of lacks) {
      const seen = await status(lacking);
      expect([seen.status, seen.stderr.toString()]).toEqual([1, expect.stringContaining('cannot be reached')]);
      expect(seen.stderr.toString()).toContain(remedy);
      expect(seen.stderr.toString()).not.toContain('Resolution note');
      const poor = { ...grid.env(0), ...lacking };
      await expectTwin(bed, { files, env: poor, script: 'gcc -c b.c; echo $?' });
    }
    expect(await bed.stats()).toMatchObject({ remoteCompiles: 1 });
  },
);

test.each([
  [['--host=0.0.0.0'], /without TLS .* give --tls-cert and --tls-key, or --insecure/],
  [['--tls-cert=/x.pem'], /TLS needs both/],
  [['--tls-cert=/x.pem', '--tls-key=/y.pem'], /\/x.pem cannot be read: ENOENT/],
  [['--grpc-port=70000'], /--grpc-port: "70000" is no value for coordinator.grpc_port: expected a number/],
  [['--heartbeat=10'], /--heartbeat: "10" is no value .* such as 90s/],
  [['--nonsense'], /'--nonsense'; see `hg-coord --help`/],
])('hg-coord serve %j says what is wrong', async (flags, message) => {
  const ended = await run([HG_COORD, 'serve', '--grpc-port=0', '--http-port=0', ...flags], { env: bed.env });
  expect(ended.stderr.toString()).toMatch(message);
  expect(ended.status).toBe(2);
  expect(existsSync(join(bed.root, 'home/.config/hybridgrid/token'))).toBe(false);
});

test('--insecure serves beyond this machine, with a token; a variable sets what a flag does', async () => {
  const env = { ...bed.env, HG_COORD_HOST: '0.0.0.0', HG_COORD_GRPC_PORT: '0', HG_COORD_HTTP_PORT: '0' };
  const child = spawn(HG_COORD, ['serve', '--insecure', `--data-dir=${bed.root}/data`], { env, stdio: 'pipe' });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  expect(await until(() => out.includes('\n'))).toBe(true);
  const http = /http (\d+)/.exec(out)?.[1];
  const asked = await fetch(`http://127.0.0.1:${http}/api/v1/workers`);
  expect(asked.status).toBe(401);
  const token = readFileSync(join(bed.root, 'home/.config/hybridgrid/token'), 'utf8').trim();
  const told = await fetch(`http://127.0.0.1:${http}/api/v1/workers`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(told.status).toBe(200);
  signalProcess(child.pid, 'SIGTERM');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
});

testWith([root, mounts, tool('gcc')], '--no-fallback: what the grid does not do fails, and says why', async () => {
  grid = await startGrid(bed, { workers: 0 });
  layFiles(bed.work, { 'a.c': 'int a;\n', 'bad.c': 'int f(void) { return undeclared; }\n' });
  const compile = (name: string, more: NodeJS.ProcessEnv) =>
    run([HGBUILD, 'gcc', '-c', name], {
      cwd: bed.work,
      env: { ...bed.env, ...grid?.env(2), HG_NO_FALLBACK: '1', ...more },
    });
  const away = await compile('a.c', { HG_COORDINATOR: '127.0.0.1:1' });
  expect([away.status, away.stderr.toString()]).toEqual([
    1,
    'hgbuild: a.c: the grid did not compile it (unreachable), and --no-fallback forbids to do it here\n',
  ]);
  expect(existsSync(join(bed.work, 'a.o'))).toBe(false);
  await grid.addWorker(1);
  expect((await compile('a.c', {})).status).toBe(0);
  expect(await bed.stats()).toMatchObject({ remoteCompiles: 1, refusals: { 'no-fallback': 1 } });
  // What is wrong with a source the compiler of this machine says.
  const bad = await compile('bad.c', {});
  expect([bad.status, bad.stderr.toString()]).toEqual([
    1,
    expect.stringContaining('undeclared identifier is reported only once'),
  ]);
});

testWith(
  [root, mounts, tool('gcc'), tool('make')],
  'the death of an agent starts no more compilers than there are places',
  async () => {
    grid = await startGrid(bed, { workers: 1 });
    const names = Array.from({ length: 16 }, (_, n) => `f${n}`);
    const body = Array.from({ length: 150 }, (_, n) => `int g${n}(int x) { return x * ${n} + h(x); }`).join('\n');
    layFiles(bed.work, {
      ...Object.fromEntries(names.map((name) => [`${name}.c`, `int h(int);\n${body}\n`])),
      Makefile: `all: ${names.map((name) => `${name}.o`).join(' ')}\n%.o: %.c\n\t@gcc -O2 -g -c $< -o $@\n`,
    });
    const env = { ...bed.env, ...grid.env(1), HG_TEST_MARK: bed.root };
    const watch = watchCompilers(bed.root);
    const building = run([HGBUILD, '-q', 'make', '-s', '-j16'], { cwd: bed.work, env });
    expect(await until(() => existsSync(join(bed.work, 'f1.o')) || existsSync(join(bed.work, 'f0.o')), 20_000)).toBe(
      true,
    );
    // No coordinator and no agent: all the other launchers are on their own at once.
    signalProcess(grid.coordinator.pid, 'SIGKILL');
    for (const pid of bed.agents()) signalProcess(pid, 'SIGKILL');
    expect((await building).status).toBe(0);
    expect(names.filter((name) => !existsSync(join(bed.work, `${name}.o`)))).toEqual([]);
    // One place; the compile that was at work when the agent died; and those of the next agent's one place.
    expect(watch.end()).toBeLessThanOrEqual(3);
  },
);
