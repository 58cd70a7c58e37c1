/** The launcher as a process: what make, a shell or a terminal sees of it is what they see of the compiler. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bed, makeBed } from './bed/environment.ts';
import { processesWithEnv, processNow, type Running, signalProcess, until } from './bed/processes.ts';
import { testWith, tool } from './bed/tools.ts';
import { expectTwin, layFiles, makeLinks, runScript } from './bed/twin.ts';

let bed: Bed;
beforeEach(() => {
  bed = makeBed();
});
afterEach(() => {
  killMarked(bed.root);
  return bed.remove();
});

const HELLO = '#include "a.h"\nint f(int x) { return x + A; }\n';
const files = { 'a.c': HELLO, 'a.h': '#define A 1\n' };
/** A compile that never ends and costs nothing meanwhile: the compiler waits for somebody to write into a FIFO. */
const ENDLESS = '#include "endless.h"\n';

function layEndless(...sources: readonly string[]): void {
  layFiles(bed.work, Object.fromEntries(sources.map((name) => [name, ENDLESS])));
  execFileSync('mkfifo', [join(bed.work, 'endless.h')]);
}

/** By name: a test that ran out of time goes on in the background and must not end what the next one started. */
function killMarked(mark: string): void {
  for (const { pid } of processesWithEnv('HG_TEST_MARK', mark)) signalProcess(pid, 'SIGKILL');
}

interface Ending {
  readonly status: number | null;
  readonly by: NodeJS.Signals | null;
}

/** Starts the endless compile without pipes: an orphaned cc1plus would hold them, and their end is not what is asked. */
function startEndless(how: 'plain' | 'cached'): { child: ChildProcess; promise: Promise<Ending> } {
  const path = how === 'plain' ? bed.env.PATH : `${makeLinks(bed)}:${bed.env.PATH}`;
  const env = { ...bed.env, PATH: path, HG_TEST_MARK: bed.root };
  const child = spawn('g++', ['-c', 'a.cc'], { cwd: bed.work, env, stdio: 'ignore' });
  return { child, promise: new Promise((resolve) => child.on('exit', (status, by) => resolve({ status, by }))) };
}

describe('exit status', () => {
  test('a compile that works is a hit the second time', async () => {
    await expectTwin(bed, { files, script: 'gcc -c a.c', hits: 1 });
  });

  test('an error in the source: status, message and no object', async () => {
    const seen = await expectTwin(bed, { files: { 'a.c': 'int f( { return 1; }\n' }, script: 'gcc -c a.c', hits: 0 });
    expect(seen.status).toBe(1);
    expect([...seen.tree.keys()]).toEqual(['a.c']);
  });

  test('an error leaves an object of an earlier compile as gcc leaves it', async () => {
    await expectTwin(bed, { files: { 'a.c': 'int f( {}\n', 'a.o': 'old' }, script: 'gcc -c a.c' });
  });

  test('a missing source, an unknown option, no arguments, --version', async () => {
    await expectTwin(bed, { files, script: 'gcc -c b.c' });
    await expectTwin(bed, { files, script: 'gcc -c --no-such-option a.c' });
    await expectTwin(bed, { files, script: 'gcc' });
    await expectTwin(bed, { files, script: 'gcc --version && gcc -dumpmachine && g++ -print-search-dirs' });
  });

  test('warnings are shown again on a hit', async () => {
    const source = 'int f(void) { int unused; }\n';
    const seen = await expectTwin(bed, { files: { 'a.c': source }, script: 'gcc -Wall -c a.c', hits: 1 });
    expect(seen.stderr).toContain('unused');
  });

  test('a link, a preprocessor run, an assembler source and -S', async () => {
    const program = {
      ...files,
      'main.c': 'int f(int); int main(void) { return f(1) - 2; }\n',
      's.S': '.globl q\nq: ret\n',
    };
    await expectTwin(bed, { files: program, script: 'gcc -o prog main.c a.c && ./prog' });
    await expectTwin(bed, { files: program, script: 'gcc -E a.c' });
    await expectTwin(bed, { files: program, script: 'gcc -c s.S && gcc -S a.c && gcc -c main.c a.c' });
  });
});

describe('signals', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGSEGV'] as const) {
    test(`a compiler that dies of ${signal} is seen to die of it`, async () => {
      layEndless('a.cc');
      const mark = bed.root;
      const seen = [];
      for (const how of ['plain', 'cached'] as const) {
        const ended = startEndless(how);
        signalProcess(await findDriver(mark), signal);
        seen.push(await ended.promise);
        killMarked(mark);
      }
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[0]?.by).toBe(signal);
    }, 15_000);
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    test(`${signal} to the launcher is ${signal} to the compiler`, async () => {
      layEndless('a.cc');
      const mark = bed.root;
      const seen = [];
      for (const how of ['plain', 'cached'] as const) {
        const ended = startEndless(how);
        await findDriver(mark);
        ended.child.kill(signal);
        const ending = await ended.promise;
        // The driver leaves its waiting cc1plus behind; ours must not leave more than that.
        await until(() => compilersOf(mark).length <= 1, 5000);
        const left = compilersOf(mark).map(({ name }) => name);
        seen.push({ ...ending, left, object: existsSync(join(bed.work, 'a.o')) });
        killMarked(mark);
      }
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[0]?.by).toBe(signal);
    }, 15_000);
  }

  testWith([tool('make')], 'Ctrl-C in a build leaves no process but the agent, and no half object', async () => {
    layEndless('1.cc', '2.cc', '3.cc');
    layFiles(bed.work, { Makefile: 'all: 1.o 2.o 3.o\n%.o: %.cc\n\tg++ -c $< -o $@\n' });
    const env = { ...bed.env, PATH: `${makeLinks(bed)}:${bed.env.PATH}`, HG_TEST_MARK: bed.root };
    const make = spawn('make', ['-j3'], { cwd: bed.work, env, stdio: 'ignore', detached: true });
    const ended = new Promise<number | null>((resolve) => make.on('close', resolve));
    expect(await until(() => compilersOf(bed.root).filter(({ name }) => name === 'cc1plus').length === 3)).toBe(true);
    expect(make.pid).toBeGreaterThan(1);
    process.kill(-(make.pid ?? Number.NaN), 'SIGINT');
    await ended;
    const left = () => processesWithEnv('HG_TEST_MARK', bed.root).filter(({ pid }) => !bed.agents().includes(pid));
    expect(await until(() => left().length === 0, 5000), JSON.stringify(left())).toBe(true);
    for (const n of [1, 2, 3]) expect(existsSync(join(bed.work, `${n}.o`))).toBe(false);
  });
});

/** Compiler processes that carry the mark: drivers and their cc1plus. */
function compilersOf(mark: string): Running[] {
  return processesWithEnv('HG_TEST_MARK', mark).filter(({ name }) => /^(g\+\+|cc1plus|as)/.test(name));
}

/** Waits for cc1plus to run and returns its parent, the compiler driver itself. */
async function findDriver(mark: string): Promise<number> {
  let driver: number | undefined;
  const found = (): boolean => {
    driver = compilersOf(mark).find(({ name }) => name === 'cc1plus')?.parent;
    return processNow(driver ?? 0)?.name === 'g++';
  };
  expect(await until(found), 'cc1plus runs below g++').toBe(true);
  return driver ?? 0;
}

describe('what a process inherits', () => {
  test('umask decides the mode of object and depfile', async () => {
    for (const mask of ['000', '022', '027', '077']) {
      await expectTwin(bed, { files, script: `umask ${mask}; gcc -MD -c a.c`, hits: 1 });
    }
  });

  test('standard input reaches a compiler that reads it', async () => {
    await expectTwin(bed, { files, script: "echo 'int f(void) { return 1; }' | gcc -xc -c - -o b.o" });
    await expectTwin(bed, { files, script: 'printf "one\\ntwo\\n" | { gcc -c a.c; cat; }', hits: 1 });
  });

  test('closed standard input, output and error', async () => {
    const warns = { 'a.c': 'int f(void) { int unused; }\n' };
    await expectTwin(bed, { files: warns, script: 'gcc -Wall -c a.c <&-' });
    await expectTwin(bed, { files: warns, script: 'gcc -Wall -c a.c >&-' });
    await expectTwin(bed, { files: warns, script: 'gcc -Wall -c a.c 2>&-' });
    await expectTwin(bed, { files: warns, script: 'gcc -Wall -c a.c <&- >&- 2>&-; echo $? > status' });
  });

  test('a standard error that takes nothing', async () => {
    const warns = { 'a.c': 'int f(void) { int unused; }\n' };
    await expectTwin(bed, { files: warns, script: 'gcc -Wall -c a.c 2>/dev/full; echo $?' });
  });

  test('limits and priority', async () => {
    await expectTwin(bed, { files, script: 'nice -n 5 gcc -c a.c', hits: 1 });
    await expectTwin(bed, { files, script: 'ulimit -n 20; gcc -c a.c' });
    await expectTwin(bed, { files, script: 'ulimit -f 0; gcc -c a.c; echo $?' });
  });

  test('limits under which no agent can start', async () => {
    await expectTwin(bed, { files, script: 'ulimit -n 20; gcc -c a.c' });
    await expectTwin(bed, { files, script: 'ulimit -v 300000; gcc -c a.c' });
    await expectTwin(bed, { files, script: 'ulimit -f 0; gcc -c a.c; echo $?' });
  });

  test('ignored signals stay ignored', async () => {
    await expectTwin(bed, { files, script: "trap '' INT TERM HUP PIPE; gcc -c a.c", hits: 1 });
  });
});

describe('under make', () => {
  const makefile = 'all: a.o b.o\n%.o: %.c\n\t+gcc -c $< -o $@\n';

  testWith([tool('make')], 'jobserver descriptors reach the compiler, and a parallel LTO link uses them', async () => {
    const program = {
      'a.c': 'int g(int); int main(void) { return g(1) - 2; }\n',
      'b.c': 'int g(int x) { return x + 1; }\n',
      Makefile:
        'prog: a.o b.o\n\t+gcc -O2 -flto=jobserver -o $@ $^\n%.o: %.c\n\t+gcc -O2 -flto -frandom-seed=$@ -c $< -o $@\n',
    };
    const seen = await expectTwin(bed, { files: program, script: 'make -s -j4 && ./prog' });
    expect(seen.status).toBe(0);
    expect(seen.stderr).not.toMatch(/jobserver/);
  });

  testWith([tool('make')], 'a recursive make keeps its jobserver', async () => {
    const nested = {
      'a.c': HELLO,
      'a.h': '#define A 1\n',
      'b.c': 'int b;\n',
      sub: makefile,
      Makefile: 'all:\n\t+$(MAKE) -s -f sub\n',
    };
    const seen = await expectTwin(bed, { files: nested, script: 'make -s --no-print-directory -j4', hits: 2 });
    expect(seen.stderr).toBe('');
  });

  testWith([tool('make')], '`make | cat` ends when make ends, though make started the agent', async () => {
    layFiles(bed.work, { ...files, 'b.c': 'int b;\n', Makefile: makefile });
    const began = performance.now();
    const ended = await runScript(bed, 'make -j2 2>&1 | cat', 'cached', { timeoutMs: 20_000 });
    expect(ended.status).toBe(0);
    expect(bed.agents()).toHaveLength(1);
    // The agent lives for minutes; a pipe that it held would keep cat waiting for as long.
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test('a compiler started by a compiler does not ask again', async () => {
    const wrapper = '#!/bin/sh\nexec gcc "$@"\n';
    await expectTwin(bed, { files: { ...files, cc: wrapper }, script: 'chmod +x cc; ./cc -c a.c', hits: 1 });
    await expectTwin(bed, { files, script: 'HG_NESTED=1 gcc -c a.c', hits: 0 });
    await expectTwin(bed, { files, script: 'HG_DISABLE=1 gcc -c a.c', hits: 0 });
  });
});
