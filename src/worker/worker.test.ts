import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../test/bed/processes.ts';
import { findTool, testWith, tool } from '../../test/bed/tools.ts';
import { toBytes } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import type { CompileResult, TaskEnded } from '../contract/generated/hybridgrid/v1/build.ts';
import { INLINE_LIMIT, listsOf } from '../contract/packed.ts';
import { reconnectDelay } from './reconnect.ts';
import { nsrun, program, sandboxes, temporaryDirectory } from './testing/bed.ts';
import { type BlobHost, blobHost } from './testing/blobs.ts';
import { OWN_COMPILER, realSpec, shippedSpec, type TestCoordinator, testCoordinator } from './testing/coordinator.ts';
import { serveWorker, type WorkerOptions } from './worker.ts';

let blobs: BlobHost;
let coordinator: TestCoordinator;
let stop: AbortController;
let left: Promise<void> | undefined;
let logged: [string, object | undefined][];

beforeEach(async () => {
  blobs = await blobHost();
  coordinator = await testCoordinator({ blobs });
  stop = new AbortController();
  left = undefined;
  logged = [];
});

afterEach(async () => {
  stop.abort();
  coordinator.kill();
  await left;
  blobs.close();
});

function work(changes: Partial<WorkerOptions> = {}): string {
  const workDir = temporaryDirectory();
  left = serveWorker({
    coordinator: { host: '127.0.0.1', port: coordinator.port },
    slots: 2,
    workDir,
    diskBytes: 1e9,
    workerId: 'w1',
    takesToolchains: true,
    version: '0.0.0',
    log: (message, details) => logged.push([message, details]),
    signal: stop.signal,
    nsrun: nsrun(),
    engine: '',
    listen: { kind: 'off' },
    insecure: false,
    ...changes,
  });
  return workDir;
}

function resultOf(outcome: TaskEnded['outcome']): CompileResult {
  if (outcome?.$case !== 'result') throw new Error(JSON.stringify(outcome));
  return outcome.value;
}

function declineOf(outcome: TaskEnded['outcome']): string {
  return outcome?.$case === 'declined' ? `${outcome.value.reason}: ${outcome.value.detail}` : 'a result';
}

/** A directory with a source. */
function sourceTree(name: string, text: string): string {
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'own.h'), '#pragma once\n#define OWN 7\n');
  writeFileSync(join(cwd, name), text);
  return cwd;
}

const CPP = '#include <map>\n#include <string>\n#include "own.h"\nstd::map<std::string, int> m{{"a", OWN}};\n';
/** With an object that is too large to travel inside a message. */
const LARGE = `${CPP}char large[600000] = {1};\n`;

testWith([sandboxes, tool('g++')], 'a compile comes back as the plain compiler would have made it', async () => {
  work();
  const hello = await coordinator.hello();
  expect(hello).toMatchObject({ workerId: 'w1', slots: 2, isolation: 'namespaces', os: 'linux' });
  const cwd = sourceTree('a.cc', LARGE);
  const path = findTool('g++') as string;
  const spec = realSpec(path, ['-g'], 'a.cc', cwd, blobs);
  spec.listArgs = ['-MD', '-MF', '\x01', '-Wa,--MD,\x01'].map(toBytes);
  const result = resultOf(await coordinator.run('1', spec));
  expect([result.exitCode, result.stderr.toString(), result.workerId]).toEqual([0, '', 'w1']);
  execFileSync(path, ['-g', '-c', 'a.cc', '-o', 'a.o', '-MD', '-MF', 'a.d'], { cwd });
  const plain = readFileSync(join(cwd, 'a.o'));
  const [object] = result.outputs;
  // Large, so that it was uploaded.
  expect(plain.length).toBeGreaterThan(INLINE_LIMIT);
  expect(object).toMatchObject({ role: 'object', present: true, data: Buffer.alloc(0) });
  expect(object?.digest.toString('hex')).toBe(sha256(plain));
  expect(blobs.blobs.get(sha256(plain))?.equals(plain)).toBe(true);
  const lists = listsOf(result)?.map(String);
  expect(lists?.[0]).toBe(readFileSync(join(cwd, 'a.d'), 'utf8'));
  expect(lists?.[1]).toMatch(/\.s$|^\S*:/m);
  expect(result.cpuMs).toBeGreaterThan(0);
});

testWith([sandboxes, tool('gcc')], 'files come once per client; a failing compile says what it said', async () => {
  work();
  await coordinator.hello();
  const cwd = sourceTree('a.c', '#include "own.h"\nint a = OWN;\n');
  const path = findTool('gcc') as string;
  const spec = realSpec(path, [], 'a.c', cwd, blobs);
  const first = resultOf(await coordinator.run('1', spec));
  expect(first.outputs[0]?.data.length).toBe(Number(first.outputs[0]?.size));
  const gets = blobs.asked.length;
  expect(gets).toBeGreaterThanOrEqual(1);
  const again = resultOf(await coordinator.run('2', spec));
  expect(again.outputs[0]?.data.equals(first.outputs[0]?.data as Buffer)).toBe(true);
  resultOf(await coordinator.run('3', spec, 'somebody else'));
  expect(blobs.asked).toHaveLength(gets);
  writeFileSync(join(cwd, 'a.c'), 'int a = OWN;\n');
  const failing = resultOf(await coordinator.run('4', realSpec(path, [], 'a.c', cwd, blobs)));
  expect(failing.exitCode).toBe(1);
  expect(failing.stderr.toString()).toContain("a.c:1:9: error: 'OWN' undeclared");
  expect(failing.outputs).toMatchObject([{ role: 'object', present: false }]);
});

/** A compiler of the test's own: the source says what it does. */
const COMPILER = `
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  char text[4096] = "";
  read(open("a.c", O_RDONLY), text, sizeof text - 1);
  if (strstr(text, "sleep")) for (;;) pause();
  if (strstr(text, "slow")) sleep(1);
  if (strstr(text, "nothing")) return 0;
  if (strstr(text, "crash")) return *(volatile int *)0;
  return write(open("a.o", O_WRONLY | O_CREAT, 0644), text, strlen(text)) < 0;
}
`;

testWith([sandboxes], 'a compiler that is not here is taken from the coordinator, or the task is not', async () => {
  work();
  await coordinator.hello();
  const compiler = program(COMPILER);
  const cwd = sourceTree('a.c', 'hello');
  const lacking = declineOf(await coordinator.run('1', shippedSpec(compiler, 'a.c', cwd, undefined)));
  expect(lacking).toBe(`no-toolchain: another ${OWN_COMPILER} here, or none`);
  const spec = shippedSpec(compiler, 'a.c', cwd, blobs);
  blobs.blobs.delete(sha256(readFileSync(compiler)));
  expect(declineOf(await coordinator.run('2', spec))).toBe(`no-toolchain: another ${OWN_COMPILER} here, or none`);
  const shipped = resultOf(await coordinator.run('3', shippedSpec(compiler, 'a.c', cwd, blobs)));
  expect(shipped.outputs[0]?.data.toString()).toBe('hello');
});

testWith([sandboxes], 'what says nothing about the compile is no result', async () => {
  work();
  await coordinator.hello();
  const compiler = program(COMPILER);
  const outcomeOf = (id: string, text: string) =>
    coordinator.run(id, shippedSpec(compiler, 'a.c', sourceTree('a.c', text), blobs));
  expect(declineOf(await outcomeOf('1', 'nothing'))).toBe('internal: no object');
  expect(declineOf(await outcomeOf('2', 'crash'))).toBe('limit: signal 11');
  const sleeping = shippedSpec(compiler, 'a.c', sourceTree('a.c', 'sleep'), blobs);
  expect(declineOf(await coordinator.run('7', sleeping, 'me', 300))).toBe('timeout: wall');
  const spec = shippedSpec(compiler, 'a.c', sourceTree('a.c', 'x'), blobs);
  expect(declineOf(await coordinator.run('3', { ...spec, arch: 'vax' }))).toBe('not-acceptable: arch vax');
  const evil = { ...spec, args: ['-c', 'a.c', '-fplugin=x.so'].map(toBytes) };
  expect(declineOf(await coordinator.run('4', evil))).toMatch(/^not-acceptable: plugin/);
  blobs.fault = (asked, answer) => asked.method === 'PUT' && !!answer.writeHead(507).end();
  const large = 'x'.repeat(4000);
  expect(resultOf(await outcomeOf('5', large)).outputs[0]?.size).toBe(4000n);
  coordinator.say({ $case: 'task', value: { taskId: '6', spec: undefined, timeoutMs: 0, client: '' } });
  const none = await coordinator.hears((m) => (m?.$case === 'ended' && m.value.taskId === '6' ? m.value : undefined));
  expect(declineOf(none.outcome)).toBe('not-acceptable: no spec');
});

testWith([sandboxes, tool('g++')], 'an object that the coordinator does not take is no result', async () => {
  work();
  await coordinator.hello();
  blobs.fault = (asked, answer) => {
    if (asked.method !== 'PUT') return false;
    asked.resume();
    return !!answer.writeHead(507).end();
  };
  const cwd = sourceTree('a.cc', LARGE);
  const outcome = await coordinator.run('1', realSpec(findTool('g++') as string, ['-g'], 'a.cc', cwd, blobs));
  expect(declineOf(outcome)).toBe('internal: object: not taken: HTTP 507');
});

/** How many programs of the test's own run now. */
function running(): number {
  const name = `${OWN_COMPILER}\0`;
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(name);
    } catch {
      return false; // Gone meanwhile.
    }
  }).length;
}

testWith([sandboxes], 'no more than the slots; a cancel kills; a slot that is freed is used again', async () => {
  work({ slots: 1 });
  await coordinator.hello();
  const compiler = program(COMPILER);
  const sleeping = shippedSpec(compiler, 'a.c', sourceTree('a.c', 'sleep'), blobs);
  const first = coordinator.run('1', sleeping);
  expect(await until(() => running() === 1)).toBe(true);
  expect(declineOf(await coordinator.run('2', sleeping))).toBe('no-slot: 1 slots');
  coordinator.say({ $case: 'cancel', value: { taskId: '1' } });
  const third = coordinator.run('3', shippedSpec(compiler, 'a.c', sourceTree('a.c', 'x'), blobs));
  expect(declineOf(await first)).toBe('internal: cancelled');
  expect(running()).toBe(0);
  resultOf(await third);
});

testWith([sandboxes], 'a coordinator that dies takes its tasks along; the next one is found', async () => {
  work();
  await coordinator.hello();
  const compiler = program(COMPILER);
  void coordinator.run('1', shippedSpec(compiler, 'a.c', sourceTree('a.c', 'sleep'), blobs));
  expect(await until(() => running() === 1)).toBe(true);
  const { port } = coordinator;
  coordinator.kill();
  expect(await until(() => running() === 0)).toBe(true);
  coordinator = await testCoordinator({ blobs, port });
  await coordinator.hello();
  resultOf(await coordinator.run('2', shippedSpec(compiler, 'a.c', sourceTree('a.c', 'x'), blobs)));
  expect(coordinator.heard.some((m) => m?.$case === 'ended' && m.value.taskId === '1')).toBe(false);
});

testWith(
  [sandboxes],
  'told to leave, it finishes what it has, takes nothing more and leaves nothing behind',
  async () => {
    const workDir = work();
    await coordinator.hello();
    const compiler = program(COMPILER);
    const slow = coordinator.run('1', shippedSpec(compiler, 'a.c', sourceTree('a.c', 'slow'), blobs));
    expect(await until(() => running() === 1)).toBe(true);
    stop.abort();
    await coordinator.hears((m) => (m?.$case === 'draining' ? m.value : undefined));
    const late = coordinator.run('2', shippedSpec(compiler, 'a.c', sourceTree('a.c', 'x'), blobs));
    expect(declineOf(await late)).toBe('no-slot: draining');
    expect(resultOf(await slow).outputs[0]?.data.toString()).toBe('slow');
    await left;
    expect(readdirSync(workDir)).toEqual(['blobs']);
  },
);

testWith([sandboxes], 'the coordinator may tell it to leave, too', async () => {
  work();
  await coordinator.hello();
  coordinator.say({ $case: 'drain', value: true });
  await left;
  expect(coordinator.heard.map((m) => m?.$case)).toEqual(['hello', 'draining']);
});

testWith([sandboxes], 'hearts beat', async () => {
  coordinator.kill();
  coordinator = await testCoordinator({ blobs, heartbeatMs: 100 });
  work();
  await coordinator.hello();
  const beat = await coordinator.hears((m) => (m?.$case === 'heartbeat' ? m.value : undefined));
  expect(beat.running).toBe(0);
  expect(beat.diskFreeBytes).toBeGreaterThan(0n);
});

testWith([sandboxes, tool('openssl')], 'over TLS, with an authority of its own', async () => {
  const directory = temporaryDirectory();
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name)) as [string, string];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'];
  const subject = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
  execFileSync('openssl', [...request, ...subject], { stdio: 'ignore' });
  const tls = { key: readFileSync(key), cert: readFileSync(cert) };
  coordinator.kill();
  blobs.close();
  blobs = await blobHost(tls);
  coordinator = await testCoordinator({ blobs, tls });
  work({ tls: { ca: tls.cert } });
  await coordinator.hello();
  const spec = shippedSpec(program(COMPILER), 'a.c', sourceTree('a.c', 'x'), blobs);
  expect(resultOf(await coordinator.run('1', spec)).outputs[0]?.data.toString()).toBe('x');
});

testWith([sandboxes], 'a coordinator that dies while it sends a blob holds up nobody', async () => {
  work();
  await coordinator.hello();
  blobs.fault = (asked, answer) => asked.method === 'GET' && answer.writeHead(200, { 'content-length': 9 }).write('x');
  void coordinator.run('1', shippedSpec(program(COMPILER), 'a.c', sourceTree('a.c', 'x'), blobs));
  expect(await until(() => blobs.asked.length > 0)).toBe(true);
  const { port } = coordinator;
  coordinator.kill();
  blobs.fault = () => false;
  const began = performance.now();
  coordinator = await testCoordinator({ blobs, port });
  await coordinator.hello();
  // A transfer alone would be given up after 30 s.
  expect(performance.now() - began).toBeLessThan(10_000);
  resultOf(await coordinator.run('2', shippedSpec(program(COMPILER), 'a.c', sourceTree('a.c', 'x'), blobs)));
});

test('where no sandbox can be made it says so and offers nothing', async () => {
  work({ nsrun: '/no/such/helper' });
  expect(await coordinator.hello()).toMatchObject({ isolation: 'none', slots: 0 });
  const [message, details] = logged[0] ?? [];
  expect(message).toMatch(/kept apart/);
  expect(details).toEqual({ why: expect.stringMatching('ENOENT') });
});

testWith(
  [sandboxes],
  'without the token it is not let in, says so once and keeps trying; what was left behind goes',
  async () => {
    coordinator.kill();
    coordinator = await testCoordinator({ blobs, token: 'secret' });
    const workDir = temporaryDirectory();
    // Above every pid there is.
    mkdirSync(join(workDir, 'run-4194999/clients'), { recursive: true });
    work({ token: 'wrong', workDir });
    expect(await until(() => logged.some(([, details]) => JSON.stringify(details).includes('no token')))).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(logged.filter(([message]) => message === 'the coordinator is away')).toHaveLength(1);
    expect(coordinator.streams).toEqual([]);
    expect(existsSync(join(workDir, 'run-4194999'))).toBe(false);
    stop.abort();
    await left;
    stop = new AbortController();
    work({ token: 'secret' });
    await coordinator.hello();
  },
);

test('tries come later and later, never together, and never too late', () => {
  expect([0, 1, 2, 3, 20].map((failures) => reconnectDelay(failures, 1))).toEqual([200, 400, 800, 1600, 5000]);
  expect([0, 5, 1000].map((failures) => reconnectDelay(failures, 0))).toEqual([200, 200, 200]);
});
