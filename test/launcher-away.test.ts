/** No agent, a dead one, a silent one, no place for its socket: the compiler runs all the same. */
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeFail, encodeWait } from '../src/agent/answers.ts';
import { type Bed, LAUNCHER, makeBed } from './bed/environment.ts';
import { signalProcess, until } from './bed/processes.ts';
import { runOk } from './bed/run.ts';
import { root, testWith } from './bed/tools.ts';
import { expectTwin, layFiles, runScript } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => bed.remove());

const files = { 'a.c': '#include "a.h"\nint f(int x) { return x + A; }\n', 'a.h': '#define A 1\n' };

/** Starts the agent by compiling once, and returns its process id. */
async function startAgent(): Promise<number> {
  layFiles(bed.work, { 'start.c': 'int start;\n' });
  expect((await runScript(bed, 'gcc -c start.c', 'cached')).status).toBe(0);
  const [pid] = bed.agents();
  if (pid === undefined) throw new Error('no agent was started');
  return pid;
}

describe('a compiler that cannot be run', () => {
  test('one that does not exist: 127, as a shell says it', async () => {
    const ended = await runScript(bed, `"${join(bed.root, 'links')}/gcc-12" --version`, 'cached', { env: { X: '' } });
    expect(ended.status).toBe(0);
    const missing = await runScript(bed, '"$HG" no-such-compiler -c a.c', 'cached', { env: { HG: launcher() } });
    expect(missing.status).toBe(127);
    expect(missing.stderr.toString()).toMatch(/no-such-compiler: not found/);
    const path = await runScript(bed, '"$HG" /no/such/gcc -c a.c', 'cached', { env: { HG: launcher() } });
    expect(path.status).toBe(127);
    expect(path.stderr.toString()).toMatch(/\/no\/such\/gcc: not found/);
  });

  test('one that may not be executed: 126', async () => {
    layFiles(bed.work, { 'bin/gcc': '#!/bin/sh\n' });
    const ended = await runScript(bed, '"$HG" "$PWD/bin/gcc" -c a.c', 'cached', { env: { HG: launcher() } });
    expect(ended.status).toBe(126);
    expect(ended.stderr.toString()).toMatch(/bin\/gcc: Permission denied/);
  });

  test('one that is a script runs, uncached', async () => {
    const script = { ...files, 'bin/gcc': '#!/bin/sh\necho script >&2\nexec /usr/bin/gcc "$@"\n' };
    await expectTwin(bed, { files: script, script: 'chmod +x bin/gcc; PATH=$PATH:.; ./bin/gcc -c a.c' });
    layFiles(bed.work, script);
    const ended = await runScript(bed, 'chmod +x bin/gcc; HG_VERBOSE=1 "$HG" "$PWD/bin/gcc" -c a.c', 'cached', {
      env: { HG: launcher() },
    });
    expect(ended.stderr.toString()).toMatch(/\[local: compiler-is-script\]/);
  });
});

const launcher = (): string => join(import.meta.dirname, '../build/hg-launcher');

/**
 * Starts a compile whose header is a FIFO, runs `meanwhile` once the compiler waits there (opening it for writing lasts
 * until somebody reads), and lets the compile go on.
 */
function whileCompiling(meanwhile: string): string {
  return `mkfifo a.h; gcc -c a.c & c=$!; exec 3>a.h; ${meanwhile}; echo '#define A 1' >&3; exec 3>&-; wait $c; echo $?; rm a.h`;
}

describe('an agent that dies', () => {
  test('killed between two compiles, it is started again and knows what it knew', async () => {
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
    const [pid] = bed.agents();
    signalProcess(pid, 'SIGKILL');
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
    expect(bed.agents()).toHaveLength(1);
    expect(bed.agents()).not.toContain(pid);
  });

  test('killed while a compile runs, the compile goes on', async () => {
    const pid = await startAgent();
    await expectTwin(bed, { files: { 'a.c': files['a.c'] }, script: whileCompiling(`kill -9 ${pid} 2>/dev/null`) });
  });

  test('killed by every compile of a build, the build goes through', async () => {
    await startAgent();
    const many = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`${n}.c`, `int f${n};\n`]));
    const makefile = { Makefile: 'all: 0.o 1.o 2.o 3.o 4.o 5.o 6.o 7.o\n%.o: %.c\n\tgcc -c $<\n' };
    const killer = setInterval(() => bed.agents().map((pid) => signalProcess(pid, 'SIGKILL')), 30);
    try {
      await expectTwin(bed, { files: { ...many, ...makefile }, script: 'make -s -j2' });
    } finally {
      clearInterval(killer);
    }
  });
});

describe('an agent that says nothing', () => {
  test('stopped before a compile: it waits two seconds at most, the next ones less', async () => {
    const pid = await startAgent();
    signalProcess(pid, 'SIGSTOP');
    layFiles(bed.work, files);
    const first = await runScript(bed, 'gcc -c a.c', 'cached');
    const second = await runScript(bed, 'gcc -c a.c', 'cached');
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(first.wallMs).toBeLessThan(4000);
    expect(second.wallMs).toBeLessThan(1500);
    signalProcess(pid, 'SIGCONT');
  });

  test('stopped while a compile runs', async () => {
    const pid = await startAgent();
    const script = `${whileCompiling(`kill -STOP ${pid}`)}; kill -CONT ${pid}`;
    await expectTwin(bed, { files: { 'a.c': files['a.c'] }, script });
  });

  test('a stranger on the socket that never answers, answers nonsense, or hangs up', async () => {
    const pid = await startAgent();
    const [name] = readdirSync(bed.runtimeDir).filter((file) => file.endsWith('.sock'));
    const socket = join(bed.runtimeDir, name ?? '');
    signalProcess(pid, 'SIGTERM');
    expect(await until(() => bed.agents().length === 0)).toBe(true);
    const behaviours = [
      () => {},
      (send: (data: Buffer) => void) => send(Buffer.from([255, 255, 255, 255, 0])),
      (send: (data: Buffer) => void) => send(Buffer.concat([Buffer.from([9, 0, 0, 0]), Buffer.alloc(9, 0x48)])),
      (_send: (data: Buffer) => void, hangUp: () => void) => hangUp(),
    ];
    for (const behave of behaviours) {
      rmSync(socket, { force: true });
      const server = createServer((connection) => {
        connection.on('error', () => {});
        connection.resume();
        behave(
          (data) => connection.write(data),
          () => connection.destroy(),
        );
      });
      await new Promise<void>((resolve) => server.listen(socket, resolve));
      layFiles(bed.work, files);
      const ended = await runScript(bed, 'rm -f a.o; gcc -c a.c && test -s a.o', 'cached');
      expect(ended.status).toBe(0);
      expect(ended.stderr.toString()).toBe('');
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

test('an answer that comes right behind a "wait" is obeyed', async () => {
  const asked = await runOk([LAUNCHER, '--hg-socket-path'], { env: bed.env });
  layFiles(bed.work, files);
  const fail = encodeFail('this very answer\n');
  // In one piece, and cut where the next frame has hardly begun.
  for (const pieces of [
    [Buffer.concat([encodeWait(), encodeWait(), fail])],
    [Buffer.concat([encodeWait(), fail.subarray(0, 6)]), fail.subarray(6)],
  ]) {
    const server = createServer((connection) => {
      connection.on('error', () => {});
      connection.once('data', () => {
        for (const piece of pieces) setImmediate(() => connection.write(piece));
      });
    });
    await new Promise<void>((resolve) => server.listen(asked.stdout.toString().trim(), resolve));
    const ended = await runScript(bed, 'gcc -c a.c', 'cached');
    expect([ended.status, ended.stderr.toString()]).toEqual([1, 'this very answer\n']);
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('no place for the socket', () => {
  test('a directory that is a file, is missing its parent, or has too long a name', async () => {
    writeFileSync(join(bed.root, 'file'), '');
    const places = [join(bed.root, 'file'), join(bed.root, 'no/such'), join(bed.root, 'x'.repeat(120))];
    for (const HG_RUNTIME_DIR of places) {
      await expectTwin(bed, { files, env: { HG_RUNTIME_DIR }, script: 'gcc -c a.c', hits: 0 });
    }
  });

  testWith([root], "somebody else's directory is not trusted", async () => {
    const foreign = join(bed.root, 'foreign');
    mkdirSync(foreign, { mode: 0o700 });
    chownSync(foreign, 65534, 65534);
    await expectTwin(bed, { files, env: { HG_RUNTIME_DIR: foreign }, script: 'gcc -c a.c', hits: 0 });
    expect(readdirSync(foreign)).toEqual([]);
  });

  test('a directory that others could enter is closed or not used', async () => {
    chmodSync(bed.runtimeDir, 0o777);
    await expectTwin(bed, { files, script: `gcc -c a.c; stat -c %a '${bed.runtimeDir}' > ../mode` });
    const { stdout } = await runOk(['stat', '-c', '%a', bed.runtimeDir]);
    expect(stdout.toString().trim() === '700' || bed.agents().length === 0).toBe(true);
  });
});

describe('HOME and the cache directory', () => {
  const env = { HG_CACHE_DIR: undefined };

  test('HOME unset, empty, missing, a file', async () => {
    writeFileSync(join(bed.root, 'file'), '');
    for (const HOME of [undefined, '', '/no/such/home', join(bed.root, 'file')]) {
      await expectTwin(bed, { files, env: { ...env, HOME }, script: 'gcc -c a.c' });
    }
  });

  testWith([root], "HOME is somebody else's, as under sudo: nothing of ours is left there", async () => {
    const home = join(bed.root, 'foreign-home');
    mkdirSync(home);
    chownSync(home, 65534, 65534);
    await expectTwin(bed, { files, env: { ...env, HOME: home }, script: 'gcc -c a.c', hits: 0 });
    expect(readdirSync(home)).toEqual([]);
  });

  test('the cache directory is a file', async () => {
    const cache = join(bed.root, 'file');
    writeFileSync(cache, '');
    await expectTwin(bed, { files, env: { HG_CACHE_DIR: cache }, script: 'gcc -c a.c', hits: 0 });
  });

  test('the cache vanishes between two compiles', async () => {
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
    rmSync(bed.cacheDir, { recursive: true });
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
  });
});
