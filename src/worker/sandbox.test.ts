import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { processesWithEnv, signalProcess, until } from '../../test/bed/processes.ts';
import { findTool, root, testWith, tool } from '../../test/bed/tools.ts';
import type { SandboxOutcome } from './sandbox.ts';
import { encodePlaces, encodePlan, type SandboxPlan } from './sandbox-plan.ts';
import {
  compileInputs,
  compilerParts,
  contentOf,
  EMPTY,
  laid,
  newSandbox,
  nsrun,
  program,
  sandboxes,
  temporaryDirectory,
} from './testing/bed.ts';

const NEVER = new AbortController().signal;

function run(plan: SandboxPlan, signal = NEVER): Promise<SandboxOutcome> {
  return newSandbox().run(plan, signal);
}

/** A program that is run as /program. */
function running(text: string, plan: Partial<SandboxPlan> = {}): SandboxPlan {
  const files = [{ source: program(text), path: '/program', version: '' }, ...(plan.files ?? [])];
  return { ...EMPTY, argv: ['/program'], ...plan, files };
}

function said(outcome: SandboxOutcome): string {
  if (outcome.kind !== 'ended') throw new Error(JSON.stringify(outcome));
  return outcome.stdout.toString('latin1') + outcome.stderr.toString('latin1');
}

const SOURCES = {
  'c.c': '#include <stdio.h>\n#include <stdlib.h>\n#include "own.h"\nint main(void) { return printf("%d\\n", OWN); }\n',
  'cpp.cc':
    '#include <iostream>\n#include <vector>\n#include "own.h"\nint main() { std::vector<int> v(OWN); std::cout << v.size(); }\n',
  'own.h': '#pragma once\n#define OWN 7\n',
};

for (const [compiler, source] of [
  ['gcc', 'c.c'],
  ['g++', 'cpp.cc'],
  ['clang', 'c.c'],
  ['clang++', 'cpp.cc'],
] as const)
  testWith([sandboxes, tool(compiler)], `${compiler} makes of ${source} what it makes outside, byte for byte`, () =>
    compareWithPlain(compiler, source),
  );

async function compareWithPlain(compiler: string, source: string): Promise<void> {
  const cwd = temporaryDirectory();
  for (const [name, text] of Object.entries(SOURCES)) writeFileSync(join(cwd, name), text);
  const path = findTool(compiler) as string;
  const args = ['-g', '-O1', '-MD', '-MF', 'made.d', '-c', source, '-o', 'made.o'];
  const nodes = compileInputs(path, ['-O1', source], cwd);
  const outcome = await run({
    ...EMPTY,
    ...laid(compilerParts(compiler), nodes),
    directories: nodes.directories,
    writable: [cwd],
    argv: [path, ...args],
    env: [['PATH', '/usr/bin:/bin']],
    cwd,
    outputs: ['made.o', 'made.d', 'made.su'].map((output) => ({ path: output, limit: 1 << 30 })),
  });
  if (outcome.kind !== 'ended') throw new Error(JSON.stringify(outcome));
  expect(outcome.stderr.toString()).toBe('');
  expect(outcome.exitCode).toBe(0);
  execFileSync(path, args, { cwd });
  expect(contentOf(outcome.outputs[0]).equals(readFileSync(join(cwd, 'made.o')))).toBe(true);
  expect(contentOf(outcome.outputs[1]).toString()).toBe(readFileSync(join(cwd, 'made.d'), 'utf8'));
  expect(outcome.outputs[2]).toEqual({ kind: 'absent' });
  expect(outcome.cpuMs).toBeGreaterThan(0);
}

const HEADER_TEST = `
#if __has_include("here.h")
int here;
#endif
#if __has_include("hidden.h")
int hidden;
#endif
#if __has_include(<stdio.h>)
int installed;
#endif
`;

testWith([sandboxes, tool('gcc')], 'a file that no plan names is not there, even for __has_include', async () => {
  const cwd = temporaryDirectory();
  for (const name of ['here.h', 'hidden.h']) writeFileSync(join(cwd, name), '');
  writeFileSync(join(cwd, 'asks.c'), HEADER_TEST);
  const path = findTool('gcc') as string;
  const plan = (names: readonly string[]): SandboxPlan => ({
    ...EMPTY,
    ...laid(compilerParts('gcc'), { files: new Map(names.map((n) => [join(cwd, n), join(cwd, n)])), links: new Map() }),
    directories: ['/usr/include'],
    writable: [cwd],
    argv: [path, '-S', 'asks.c', '-o', 'asks.s'],
    env: [['PATH', '/usr/bin:/bin']],
    cwd,
    outputs: [{ path: 'asks.s', limit: 1 << 20 }],
  });
  const variables = async (names: readonly string[]): Promise<string[]> => {
    const outcome = await run(plan(names));
    if (outcome.kind !== 'ended' || outcome.exitCode !== 0) throw new Error(said(outcome));
    return Array.from(
      contentOf(outcome.outputs[0])
        .toString()
        .matchAll(/^(\w+):$/gm),
      ([, name]) => name as string,
    );
  };
  expect(await variables(['asks.c', 'here.h'])).toEqual(['here']);
  expect(await variables(['asks.c', 'here.h', 'hidden.h'])).toEqual(['here', 'hidden']);
});

const LISTS = `
#include <dirent.h>
#include <stdio.h>
#include <string.h>
static void list(const char *at) {
  DIR *d = opendir(at);
  for (struct dirent *e; d && (e = readdir(d));) {
    char path[4096];
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    snprintf(path, sizeof path, "%s/%s", strcmp(at, "/") ? at : "", e->d_name);
    if (strncmp(path, "/proc", 5)) puts(path);
    if (e->d_type == DT_DIR && strcmp(path, "/proc")) list(path);
  }
}
int main(void) { list("/"); return 0; }
`;

testWith([sandboxes], 'the root holds what the plan names and nothing else', async () => {
  const header = join(temporaryDirectory(), 'h');
  writeFileSync(header, 'x');
  const outcome = await run(
    running(LISTS, {
      files: [{ source: header, path: '/usr/include/x.h', version: '' }],
      links: [{ path: '/usr/link', target: '../no/where' }],
      directories: ['/empty/a'],
      writable: ['/w'],
    }),
  );
  const fixed = ['/dev', '/dev/null', '/dev/random', '/dev/urandom', '/dev/zero', '/program', '/tmp'];
  const planned = ['/usr', '/usr/include', '/usr/include/x.h', '/usr/link', '/empty', '/empty/a', '/w'];
  expect(said(outcome).trim().split('\n').sort()).toEqual([...fixed, ...planned].sort());
});

const TRIES = `
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
static void tells(const char *what, int result) { printf("%s %s\\n", what, result < 0 ? strerror(errno) : "done"); }
int main(int argc, char **argv) {
  int fds = 0;
  for (int fd = 0; fd < 1000; fd++) fds += fcntl(fd, F_GETFD) >= 0;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(0x7f000001)};
  tells("connect", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&at, sizeof at));
  tells("input", open("/input", O_WRONLY));
  tells("chmod", chmod("/input", 0777));
  tells("written", open("/w/new", O_WRONLY | O_CREAT, 0600));
  tells("temporary", open("/tmp/new", O_WRONLY | O_CREAT, 0600));
  tells("sysrq", open("/proc/sysrq-trigger", O_WRONLY));
  tells("sysctl", open("/proc/sys/kernel/core_pattern", O_WRONLY));
  tells("mount", mount("none", "/w", "tmpfs", 0, 0));
  tells("first", open("/proc/1/root/input", O_RDONLY));
  tells("kill", kill(1, 0));
  printf("privileges %d\\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  printf("descriptors %d\\nstdin %zd\\npid %d\\n", fds, read(0, argv, 1), getpid());
  return 3;
}
`;

testWith([sandboxes, root], 'no network, no other files, no rights', async () => {
  const directory = temporaryDirectory();
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  writeFileSync(join(directory, 'input'), 'kept');
  chmodSync(join(directory, 'input'), 0o666);
  try {
    const plan = running(TRIES, {
      files: [{ source: join(directory, 'input'), path: '/input', version: '' }],
      writable: ['/w'],
    });
    const outcome = await run({ ...plan, argv: ['/program', `${port}`] });
    const lines = new Map(
      said(outcome)
        .split('\n')
        .map((line) => line.split(/ (.*)/) as [string, string]),
    );
    expect(lines.get('connect')).toBe('Network is unreachable');
    expect(lines.get('input')).toMatch(/Read-only|denied/);
    expect(lines.get('chmod')).toMatch(/Read-only|not permitted/);
    expect(lines.get('written')).toBe('done');
    expect(lines.get('temporary')).toBe('done');
    expect(lines.get('sysrq')).toMatch(/Read-only|denied|No such/);
    expect(lines.get('sysctl')).toMatch(/Read-only|denied/);
    expect(lines.get('mount')).toBe('Operation not permitted');
    expect(lines.get('first')).toBe('Permission denied');
    expect(lines.get('kill')).toBe('Operation not permitted');
    expect(lines.get('privileges')).toBe('1');
    expect(lines.get('descriptors')).toBe('3');
    expect(lines.get('stdin')).toBe('0');
    expect(outcome).toMatchObject({ kind: 'ended', exitCode: 3 });
  } finally {
    server.close();
  }
});

const WRITES = `
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
static void put(const char *path, int bytes) {
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  while (bytes-- > 0) write(fd, "x", 1);
}
int main(void) {
  put("small", 5), put("large", 2000), put("sub/../beside", 1);
  symlink("/input", "link"), mkdir("directory", 0700), mkfifo("fifo", 0600);
  symlink("/proc/1/fd", "way");
  return 0;
}
`;

testWith([sandboxes], 'outputs come back, and what is none does not', async () => {
  const names = ['small', 'none', 'large', 'link', 'directory', 'fifo', 'way/3/0', 'sub/../beside', '/w/small'];
  const plan = running(WRITES, { writable: ['/w'], directories: ['/w/sub'], cwd: '/w' });
  const outcome = await run({ ...plan, outputs: names.map((path) => ({ path, limit: 1000 })) });
  if (outcome.kind !== 'ended') throw new Error(JSON.stringify(outcome));
  const [small, none, large, link, directory, fifo, way, beside, again] = outcome.outputs;
  expect(contentOf(small).toString()).toBe('xxxxx');
  expect(contentOf(again).toString()).toBe('xxxxx');
  expect(contentOf(beside).toString()).toBe('x');
  expect(none).toEqual({ kind: 'absent' });
  expect(large).toEqual({ kind: 'large', size: 2000 });
  expect([link, directory, fifo].map((output) => output?.kind)).toEqual(['irregular', 'irregular', 'irregular']);
  // Descriptor 3 of the first process is the directory that outputs are copied to, where the small one lies by now.
  expect(way?.kind).toBe('irregular');
});

for (const [name, plan, what] of [
  ['a path that leaves the root', { directories: ['/a/../../b'] }, /path \/a/],
  ['a link in the way of a directory', { links: [{ path: '/a', target: '/etc' }], directories: ['/a/b'] }, /symlink/],
  ['a file in the way of a directory', { directories: ['/program/x'] }, /mkdir/],
  [
    'a source that is not there',
    { files: [{ source: '/no/such/file', path: '/f', version: '' }] },
    /bind \/no\/such\/file/,
  ],
  ['a program that is not there', { argv: ['/none'] }, /exec \/none/],
  ['a directory to start in that is not there', { cwd: '/none' }, /chdir/],
] as const)
  testWith([sandboxes], `${name}: broken, by name`, async () => {
    const outcome = await run(running('int main(void) { return 0; }', plan));
    expect(outcome).toMatchObject({ kind: 'broken', what: expect.stringMatching(what) });
  });

test('a helper that is not there is a broken sandbox', async () => {
  const { namespaceSandbox } = await import('./sandbox.ts');
  const sandbox = namespaceSandbox({ nsrun: '/no/such/helper', mountPoint: '/', directory: temporaryDirectory() });
  expect(await sandbox.run(EMPTY, NEVER)).toMatchObject({ kind: 'broken', what: expect.stringMatching('ENOENT') });
});

testWith([sandboxes], 'ended by a signal is not ended with a code', async () => {
  const text = '#include <signal.h>\nint main(void) { return raise(SIGSEGV); }';
  expect(await run(running(text))).toEqual({ kind: 'killed', signal: 11 });
});

const LIMITS = { ...EMPTY.limits, wallMs: 20_000 };

testWith([sandboxes], 'a gigabyte of diagnostics is cut off', async () => {
  const text =
    '#include <stdio.h>\nint main(void) { static char b[1 << 20]; for (int i = 0; i < 1024; i++) fwrite(b, 1, sizeof b, stderr); }';
  const began = process.memoryUsage.rss();
  const outcome = await run(running(text, { limits: { ...LIMITS, streamBytes: 1 << 20 } }));
  expect(outcome).toEqual({ kind: 'limit', which: 'stderr' });
  expect(process.memoryUsage.rss() - began).toBeLessThan(200 * 2 ** 20);
});

testWith([sandboxes], 'whoever spins for ever is ended with all his children', async () => {
  const text = '#include <unistd.h>\nint main(void) { fork(); setsid(); fork(); for (;;) {} }';
  const mark = `HG_TEST_${process.pid}_SPIN`;
  const plan = running(text, { env: [[mark, '1']], limits: { ...LIMITS, wallMs: 500 } });
  const ended = run(plan);
  expect(await until(() => processesWithEnv(mark, '1').length === 4)).toBe(true);
  expect(await ended).toEqual({ kind: 'limit', which: 'wall' });
  expect(processesWithEnv(mark, '1')).toEqual([]);
});

testWith([sandboxes], 'an abort ends everything; what began aborted does not begin', async () => {
  const mark = `HG_TEST_${process.pid}_ABORT`;
  const plan = running('#include <unistd.h>\nint main(void) { for (;;) pause(); }', { env: [[mark, '1']] });
  const stop = new AbortController();
  const ended = run(plan, stop.signal);
  expect(await until(() => processesWithEnv(mark, '1').length === 1)).toBe(true);
  stop.abort();
  expect(await ended).toEqual({ kind: 'aborted' });
  expect(processesWithEnv(mark, '1')).toEqual([]);
  expect(await run(plan, stop.signal)).toEqual({ kind: 'aborted' });
});

const FORKS = `
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
  for (int made = 0;; made++) {
    pid_t child = fork();
    if (child == 0) for (;;) pause();
    if (child < 0) return printf("%d\\n", made), errno == EAGAIN ? 7 : 1;
  }
}
`;

testWith([sandboxes], 'forks come to an end, and another run is not held up', async () => {
  const plan = running(FORKS, { limits: { ...LIMITS, processes: 30 } });
  const outcomes = await Promise.all([run(plan), run(plan)]);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ kind: 'ended', exitCode: 7 });
    expect(Number(said(outcome))).toBeGreaterThan(20);
    expect(Number(said(outcome))).toBeLessThan(30);
  }
});

testWith([sandboxes], 'limits on memory, files and what is written hold', async () => {
  const text = (body: string) =>
    `#include <errno.h>\n#include <fcntl.h>\n#include <signal.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) { ${body} }`;
  const memory = text('return malloc(256 << 20) ? 1 : 7;');
  expect(await run(running(memory, { limits: { ...LIMITS, memoryBytes: 128 << 20 } }))).toMatchObject({ exitCode: 7 });
  const file = text(
    'static char b[1 << 20]; int f = open("/tmp/f", O_CREAT | O_WRONLY, 0600); for (;;) if (write(f, b, sizeof b) < 0) return errno;',
  );
  expect(await run(running(file, { limits: { ...LIMITS, fileBytes: 2 << 20 } }))).toEqual({
    kind: 'killed',
    signal: 25,
  });
  expect(await run(running(file, { limits: { ...LIMITS, writtenBytes: 4 << 20 } }))).toMatchObject({ exitCode: 28 });
});

const HOST = `
import { namespaceSandbox } from ${JSON.stringify(join(import.meta.dirname, 'sandbox.ts'))};
const [nsrun, mountPoint, directory, plan] = process.argv.slice(2);
await namespaceSandbox({ nsrun, mountPoint, directory }).run(JSON.parse(plan), new AbortController().signal);
`;

testWith([sandboxes], 'the death of the one who runs it leaves no process', async () => {
  const mark = `HG_TEST_${process.pid}_ORPHAN`;
  const text = '#include <unistd.h>\nint main(void) { if (fork() == 0) setsid(); for (;;) pause(); }';
  const plan = running(text, { env: [[mark, '1']] });
  const script = join(temporaryDirectory(), 'host.ts');
  writeFileSync(script, HOST);
  const places = [nsrun(), temporaryDirectory(), temporaryDirectory()];
  const host = spawn(process.execPath, [script, ...places, JSON.stringify(plan)], { stdio: 'ignore' });
  expect(await until(() => processesWithEnv(mark, '1').length === 2)).toBe(true);
  signalProcess(host.pid, 'SIGKILL');
  expect(await until(() => processesWithEnv(mark, '1').length === 0)).toBe(true);
});

testWith([sandboxes, root], 'without root it works the same, in a user namespace', () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const [out, mountPoint] = ['out', 'root'].map((name) => join(directory, name)) as [string, string];
  for (const path of [out, mountPoint]) mkdirSync(path);
  chmodSync(out, 0o777);
  const [helper, made] = [nsrun(), program(WRITES)].map((path, i) => {
    copyFileSync(path, join(directory, `program${i}`));
    chmodSync(join(directory, `program${i}`), 0o755);
    return join(directory, `program${i}`);
  }) as [string, string];
  const plan = {
    ...EMPTY,
    argv: ['/program'],
    files: [{ source: made, path: '/program', version: '' }],
    writable: ['/w'],
    cwd: '/w',
  };
  const bytes = Buffer.concat([
    encodePlaces({ parentPid: process.pid, mountPoint, outputDirectory: out, writtenBytes: 1 << 20 }),
    encodePlan({ ...plan, outputs: [{ path: 'small', limit: 10 }] }),
    encodePlan(plan),
  ]);
  writeFileSync(join(directory, 'plan'), bytes);
  const [from, to] = [openSync(join(directory, 'plan'), 'r'), openSync(join(directory, 'answer'), 'w')];
  const ended = spawnSync(helper, [], { stdio: ['ignore', 'pipe', 'pipe', from, to], uid: 65534, gid: 65534, env: {} });
  // One user cannot be kept from himself: there is no second program in that root.
  expect(readFileSync(join(directory, 'answer'), 'latin1').slice(4)).toMatch(
    /^ended exit 0 \d+ \d+\noutput present 5\nlast\ndone 0 0\n$/,
  );
  expect(ended.status).toBe(0);
  expect(statSync(join(out, '0')).uid).toBe(65534);
});

testWith([sandboxes], 'a plan that is cut short makes nothing', () => {
  const places = { parentPid: process.pid, mountPoint: '/', outputDirectory: '/', writtenBytes: 1 << 20 };
  const whole = encodePlaces(places);
  const path = join(temporaryDirectory(), 'plan');
  writeFileSync(path, whole.subarray(0, whole.length - 3));
  const answer = join(temporaryDirectory(), 'answer');
  const stdio = ['ignore', 'pipe', 'pipe', openSync(path, 'r'), openSync(answer, 'w')] as const;
  expect(spawnSync(nsrun(), [], { stdio: [...stdio], env: {} }).status).toBe(125);
  expect(readFileSync(answer, 'latin1').slice(4)).toMatch(/^broken \d+ plan/);
});
