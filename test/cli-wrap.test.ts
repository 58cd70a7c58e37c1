/** `hgbuild make|ninja|cmake|wrap`: nobody can tell it from the tool alone, except by the summary line. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bed, HGBUILD, LAUNCHER, makeBed } from './bed/environment.ts';
import { type Ended, type RunOptions, run } from './bed/run.ts';
import { findTool, testWith, tool } from './bed/tools.ts';

let bed: Bed;
let work: string;
beforeAll(() => {
  bed = makeBed();
});
afterAll(() => bed.remove());
beforeEach(() => {
  work = mkdtempSync(join(bed.work, 't-'));
});

interface Text {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

function text({ status, signal, stdout, stderr }: Ended): Text {
  return { status, signal, out: stdout.toString(), err: stderr.toString() };
}

async function hgbuild(args: readonly string[], env: NodeJS.ProcessEnv = {}, options: RunOptions = {}): Promise<Text> {
  return text(await run([HGBUILD, ...args], { cwd: work, env: { ...bed.env, ...env }, ...options }));
}

function file(name: string, content: string, mode = 0o644): string {
  const path = join(work, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** A source that no other test has, and a Makefile that only compiles it. */
function smallProject(): void {
  file('a.c', `int a_${basename(work).replace(/\W/g, '_')};\n`);
  file('Makefile', 'a.o: a.c\n\t$(CC) -O1 -c a.c -o a.o\n');
}

const SUMMARY = /^hybridgrid: (.*)\n/m;

describe('the ending of the tool is ours', () => {
  test.each([0, 1, 2, 42, 126, 127, 255])('exit %d', async (code) => {
    expect((await hgbuild(['-q', 'wrap', 'sh', '-c', `exit ${code}`])).status).toBe(code);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL', 'SIGUSR1', 'SIGPIPE', 'SIGABRT'] as const)(
    '%s',
    async (signal) => {
      const ended = await hgbuild(['-q', 'wrap', 'sh', '-c', `kill -${signal.slice(3)} $$`]);
      expect(ended).toMatchObject({ status: null, signal });
    },
  );

  test('make fails as make fails', async () => {
    file('Makefile', 'all:\n\t@exit 3\n');
    const plain = text(await run(['make'], { cwd: work, env: bed.env }));
    const ours = await hgbuild(['make']);
    expect(ours).toEqual(plain);
    expect(ours.status).toBe(2);
  });

  test('a command that does not exist, or cannot be run', async () => {
    const missing = await hgbuild(['wrap', 'no-such-tool']);
    expect(missing).toMatchObject({ status: 127, err: 'hgbuild: no-such-tool: command not found\n' });
    const path = file('data', 'x');
    const denied = await hgbuild(['wrap', path]);
    expect(denied).toMatchObject({ status: 126, err: `hgbuild: ${path}: cannot be run: EACCES\n` });
  });
});

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)(
    '%s sent to us alone reaches the tool, which decides',
    async (signal) => {
      const name = signal.slice(3);
      const script = `trap 'echo got ${name}; exit 9' ${name}; echo ready; while :; do sleep 0.02; done`;
      const child = spawn(HGBUILD, ['-q', 'wrap', 'sh', '-c', script], {
        cwd: work,
        env: bed.env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => {
        if (out === '') child.kill(signal);
        out += chunk.toString();
      });
      const status = await new Promise((resolve) => child.on('close', resolve));
      expect(out).toBe(`ready\ngot ${name}\n`);
      expect(status).toBe(9);
    },
  );

  test('what nohup ignores stays ignored, for us and for the tool', async () => {
    const script = `trap '' HUP; exec ${HGBUILD} -q wrap sh -c 'echo $$PPID $$$$; echo ready; sleep 0.4; kill -HUP $$$$; echo alive; env | grep -c IGNORED'`;
    const child = spawn('sh', ['-c', script.replaceAll('$$', '$')], {
      cwd: work,
      env: bed.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (!out.includes('ready') && chunk.includes('ready')) child.kill('SIGHUP');
      out += chunk.toString();
    });
    const ended = await new Promise((resolve) => child.on('close', (status, signal) => resolve(status ?? signal)));
    expect(out.split('\n').slice(1)).toEqual(['ready', 'alive', '0', '']);
    expect(ended).toBe(1);
  });

  test('Ctrl-C at a terminal arrives once', async () => {
    // `script` gives a terminal; the byte 3 typed into it is Ctrl-C to the whole foreground group. `exec`: a shell that
    // waited between them (dash does, bash does not) would itself end by the signal.
    const body = `trap 'echo INT' INT; echo ready; i=0; while [ $i -lt 20 ]; do sleep 0.05; i=$((i+1)); done; echo end`;
    const command = `exec ${HGBUILD} -q wrap sh -c ${JSON.stringify(body).replace(/\$/g, '\\$')}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: work,
      env: bed.env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (!out.includes('ready') && chunk.includes('ready')) child.stdin.write('\x03');
      out += chunk.toString();
    });
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(out.match(/INT/g)).toHaveLength(1);
    expect(out).toContain('end');
    expect(status).toBe(0);
  });
});

describe('what the tool is given', () => {
  test('its arguments exactly as they were, whatever they look like', async () => {
    const args = ['-v', '--json', '--help', '', 'a b', '--', '-q', '$x', 'new\nline', '*', '--cache-dir', '--version'];
    const printed = await hgbuild(['-q', 'wrap', 'sh', '-c', 'printf "<%s>" "$@"', 'sh', ...args]);
    expect(printed.out).toBe(args.map((arg) => `<${arg}>`).join(''));
    const afterDashes = await hgbuild(['-q', 'wrap', '--', 'sh', '-c', 'printf "<%s>" "$@"', 'sh', '--', 'x']);
    expect(afterDashes.out).toBe('<--><x>');
  });

  test('make gets its own flags', async () => {
    const [ours, plain] = [await hgbuild(['make', '--version']), await run(['make', '--version'], { env: bed.env })];
    expect(ours.out).toBe(plain.stdout.toString());
    expect((await hgbuild(['make', '--help'])).out).toContain('Usage: make');
    expect((await hgbuild(['make', '--no-such-flag'])).status).toBe(2);
  });

  test('standard input, and streams that stay blocking for the tool', async () => {
    const input = 'x'.repeat(300_000);
    expect((await hgbuild(['-q', 'wrap', 'cat'], {}, { input })).out).toBe(input);
    const flags =
      'for i in 1 2 3; do cat /proc/self/fdinfo/2; cat /proc/self/fdinfo/1 >&2; cat /proc/self/fdinfo/0; sleep 0.05; done';
    const { out, err } = await hgbuild(['wrap', 'sh', '-c', flags], {}, { input: '' });
    const printed = (out + err).match(/^flags:.*/gm) ?? [];
    expect(printed).toHaveLength(9);
    // O_NONBLOCK is 04000.
    expect(printed.filter((line) => (Number.parseInt(line.slice(6).trim(), 8) & 0o4000) !== 0)).toEqual([]);
  });

  test('descriptors above 2, as a plain call would', async () => {
    const script = `exec 3>three 7>seven; ${HGBUILD} -q wrap sh -c 'echo a >&3; echo b >&7; ls /proc/self/fd | tr "\\n" " "'`;
    const { stdout } = await run(['sh', '-c', script], { cwd: work, env: bed.env });
    expect(readFileSync(join(work, 'three'), 'utf8') + readFileSync(join(work, 'seven'), 'utf8')).toBe('a\nb\n');
    const plain = await run(['sh', '-c', `exec 3>three 7>seven; sh -c 'ls /proc/self/fd | tr "\\n" " "'`], {
      cwd: work,
      env: bed.env,
    });
    expect(stdout.toString()).toBe(plain.stdout.toString());
  });

  test('a make above us shares its job slots with the make below', async () => {
    file('sub.mk', 'all: a b c d\na b c d:\n\t@sleep 0.1; echo $@\n');
    file('Makefile', `all:\n\t+@${HGBUILD} -q make -f sub.mk\n`);
    const { stderr, stdout, status } = await run(['make', '-j2'], { cwd: work, env: bed.env });
    expect(stderr.toString()).toBe('');
    expect(status).toBe(0);
    expect(
      stdout
        .toString()
        .split('\n')
        .filter((line) => /^[abcd]$/.test(line)),
    ).toHaveLength(4);
  });

  test('the umask and the working directory', async () => {
    const script = `umask 027; ${HGBUILD} -q wrap sh -c 'umask; pwd'`;
    expect((await run(['sh', '-c', script], { cwd: work, env: bed.env })).stdout.toString()).toBe(`0027\n${work}\n`);
  });

  test('a directory that is gone', async () => {
    const script = `mkdir gone; cd gone; rmdir ../gone; ${HGBUILD} -q wrap sh -c 'exit 5'`;
    expect((await run(['sh', '-c', script], { cwd: work, env: bed.env })).status).toBe(5);
  });
});

describe('compilers are caught in PATH, CC stays what it is', () => {
  const SHOW = 'show:\n\t@echo "CC=$(CC) CXX=$(CXX)"; command -v gcc; command -v cc; command -v g++\n';

  test('make sees its usual CC, and names lead to the launcher', async () => {
    file('Makefile', SHOW);
    const lines = (await hgbuild(['-q', 'make'])).out.trim().split('\n');
    expect(lines[0]).toBe('CC=cc CXX=g++');
    expect(lines).toHaveLength(4);
    for (const path of lines.slice(1)) expect(readlinkSync(path)).toBe(LAUNCHER);
    expect(statSync(join(lines[1] ?? '', '..')).mode & 0o077).toBe(0);
  });

  test('CC of the environment and of the command line', async () => {
    file('Makefile', SHOW);
    const show = async (args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
      (await hgbuild(['-q', 'make', ...args], env)).out.split('\n')[0] ?? '';
    expect(await show([], { CC: 'gcc -pthread' })).toBe('CC=gcc -pthread CXX=g++');
    expect(await show([], { CC: '/usr/bin/gcc -m64' })).toBe(`CC=${LAUNCHER} /usr/bin/gcc -m64 CXX=g++`);
    expect(await show(['CC=/usr/bin/gcc', 'CXX=clang++'], {})).toBe(`CC=${LAUNCHER} /usr/bin/gcc CXX=clang++`);
  });

  test('links are for every name in PATH and lead past themselves to the real program', async () => {
    const bin = join(work, 'tools');
    mkdirSync(bin);
    for (const name of ['mips-linux-gnu-gcc', 'gcc-99'])
      file(`tools/${name}`, `#!/bin/sh\necho real ${name} "$@"\n`, 0o755);
    const env = { PATH: `${bin}:${bed.env.PATH}` };
    const { out } = await hgbuild(['-q', 'wrap', 'sh', '-c', 'mips-linux-gnu-gcc --version; gcc-99 -c x.c'], env);
    expect(out).toBe('real mips-linux-gnu-gcc --version\nreal gcc-99 -c x.c\n');
  });

  test('two builds with different PATHs do not disturb each other’s links', async () => {
    const links = join(bed.home, '.local/state/hybridgrid/links');
    const before = existsSync(links) ? readdirSync(links) : [];
    file('other-gcc', '#!/bin/sh\n', 0o755);
    mkdirSync(join(work, 'p'));
    symlinkSync(join(work, 'other-gcc'), join(work, 'p/avr-gcc'));
    await Promise.all([
      hgbuild(['-q', 'wrap', 'true']),
      hgbuild(['-q', 'wrap', 'true'], { PATH: `${work}/p:${bed.env.PATH}` }),
    ]);
    const after = readdirSync(links);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(after.every((name) => /^[0-9a-f]{16}$/.test(name))).toBe(true);
  });

  test('a home that cannot be written', async () => {
    const env = { HOME: '/proc', XDG_STATE_HOME: '', TMPDIR: join(bed.root) };
    const { out, status } = await hgbuild(['-q', 'wrap', 'sh', '-c', 'command -v gcc'], env);
    expect(status).toBe(0);
    expect(out).toMatch(new RegExp(`^${bed.root}/hybridgrid-\\d+/links/[0-9a-f]{16}/gcc$`, 'm'));
  });
});

describe('the summary', () => {
  test('cold, then warm, then quiet', async () => {
    smallProject();
    const cold = await hgbuild(['make']);
    expect(SUMMARY.exec(cold.err)?.[1]).toBe('1 compile: 0 hits, 1 local');
    await bed.flush();
    rmSync(join(work, 'a.o'));
    const warm = await hgbuild(['make']);
    expect(SUMMARY.exec(warm.err)?.[1]).toMatch(/^1 compile: 1 hit, 0 local; saved \d+ ms$/);
    expect(warm.out).toBe(cold.out);
    rmSync(join(work, 'a.o'));
    for (const [args, env] of [
      [['-q', 'make'], {}],
      [['make'], { HG_QUIET: '1' }],
    ] as const) {
      expect((await hgbuild(args, env)).err).toBe('');
    }
  });

  test('-v says it per file', async () => {
    smallProject();
    expect((await hgbuild(['-v', 'make'])).err).toMatch(/^\[local\] a\.c$/m);
    await bed.flush();
    rmSync(join(work, 'a.o'));
    expect((await hgbuild(['make'], { HG_VERBOSE: '1' })).err).toMatch(/^\[hit\] a\.c$/m);
  });

  test('nothing intercepted: a hint, but not when the build failed or has nothing to do with us', async () => {
    file('Makefile', 'all:\n\t@true\nfail:\n\t@false\n');
    expect((await hgbuild(['make'])).err).toMatch(/^hybridgrid: no compile went through the cache: .*absolute path/);
    expect((await hgbuild(['make', 'fail'])).err).not.toContain('hybridgrid:');
  });

  test('a wrapped build inside a wrapped build is counted once, outside', async () => {
    smallProject();
    file('outer.mk', `all:\n\t@${HGBUILD} make\n`);
    const { err } = await hgbuild(['make', '-f', 'outer.mk']);
    expect(err.match(/hybridgrid:/g)).toHaveLength(1);
    expect(SUMMARY.exec(err)?.[1]).toBe('1 compile: 0 hits, 1 local');
  });

  test('compiles that no agent saw are owned up to', async () => {
    smallProject();
    // A directory for sockets that cannot be one: no agent can be reached, every compile still works.
    const { err, status } = await hgbuild(['make'], { HG_RUNTIME_DIR: file('not-a-directory', '') });
    expect(status).toBe(0);
    expect(existsSync(join(work, 'a.o'))).toBe(true);
    expect(SUMMARY.exec(err)?.[1]).toMatch(/^1 compile: 1 without the agent|^no compile went through/);
  });

  test('a cache that cannot be written is a warning, and the compile goes on', async () => {
    smallProject();
    const HG_CACHE_DIR = join(file('a-file', ''), 'cache');
    const { err, status } = await hgbuild(['make'], { HG_CACHE_DIR });
    expect(status).toBe(0);
    expect(existsSync(join(work, 'a.o'))).toBe(true);
    expect(err.split('\n')[0]).toBe(
      `hgbuild: warning: ${HG_CACHE_DIR} cannot be written (ENOTDIR), nothing will be kept; see \`hgbuild doctor\``,
    );
  });

  test('nothing is left in the temporary directory', async () => {
    const env = { TMPDIR: mkdtempSync(join(work, 'tmp-')) };
    await hgbuild(['wrap', 'true'], env);
    await hgbuild(['-q', 'wrap', 'sh', '-c', 'kill -TERM $$'], env);
    expect(readdirSync(env.TMPDIR).filter((name) => name.startsWith('hg-session'))).toEqual([]);
  });
});

describe('out of the way', () => {
  test.each(['1', 'yes', 'true'])('HG_DISABLE=%s runs the tool and nothing else', async (value) => {
    file('Makefile', 'all:\n\t@command -v cc; echo "$$HG_SESSION$$HG_DISABLE"\n');
    const real = spawnSync('sh', ['-c', 'command -v cc'], { env: bed.env, encoding: 'utf8' }).stdout;
    const ended = await hgbuild(['make'], { HG_DISABLE: value });
    expect(ended).toEqual({ status: 0, signal: null, out: `${real}${value}\n`, err: '' });
    expect((await hgbuild(['wrap', 'sh', '-c', 'exit 4'], { HG_DISABLE: value })).status).toBe(4);
    expect((await hgbuild(['wrap', '--', 'sh', '-c', 'exit 4'], { HG_DISABLE: value })).status).toBe(4);
  });

  test('--no-cache does the same', async () => {
    const { out, err } = await hgbuild([
      '--no-cache',
      'wrap',
      'sh',
      '-c',
      'echo "<$HG_DISABLE><$HG_SESSION>"; command -v gcc',
    ]);
    expect(out).toMatch(/^<1><>\n/);
    expect(out).not.toContain('links');
    expect(err).toBe('');
  });

  test('HG_DISABLE=0 disables nothing', async () => {
    expect((await hgbuild(['-q', 'wrap', 'sh', '-c', 'command -v gcc'], { HG_DISABLE: '0' })).out).toContain('/links/');
  });
});

describe('flags and settings hold for the compiles below', () => {
  test('as variables', async () => {
    const flags = ['-q', '--read-only', '--recache', '--cache-dir', 'my cache', '--config', file('c.yaml', '')];
    const { out } = await hgbuild([...flags, 'wrap', 'sh', '-c', 'env | grep ^HG_ | grep -v SESSION | sort']);
    expect(out.trim().split('\n')).toEqual([
      `HG_CACHE_DIR=${work}/my cache`,
      `HG_CONFIG=${work}/c.yaml`,
      'HG_QUIET=1',
      'HG_READONLY=1',
      'HG_RECACHE=1',
      `HG_RUNTIME_DIR=${bed.runtimeDir}`,
    ]);
  });

  test('--jobs and compile.jobs', async () => {
    file('Makefile', 'all:\n\t@echo "$(MAKEFLAGS)"\n');
    expect((await hgbuild(['-q', '--jobs', '3', 'make'])).out).toMatch(/-j3/);
    expect((await hgbuild(['-q', '--jobs', '3', 'make', '-j2'])).out).toMatch(/-j2/);
    expect((await hgbuild(['-q', 'make'])).out).not.toMatch(/-j/);
    file('hybridgrid.yaml', 'compile:\n  jobs: 4\n');
    expect((await hgbuild(['-q', 'make'])).out).toMatch(/-j4/);
  });

  test('a broken configuration stops the build before it begins', async () => {
    file('hybridgrid.yaml', 'compile:\n  jbos: 4\n');
    expect(await hgbuild(['make'])).toEqual({
      status: 2,
      signal: null,
      out: '',
      err: `hgbuild: ${work}/hybridgrid.yaml:2:3: unknown key "compile.jbos"; did you mean "jobs"?\n`,
    });
  });
});

describe('cmake and ninja', () => {
  const PROJECT = 'cmake_minimum_required(VERSION 3.10)\nproject(p C)\nadd_library(a OBJECT a.c)\n';

  testWith(
    [tool('cmake'), tool('ninja')],
    'a tree that was configured with us uses the cache from then on',
    async () => {
      file('CMakeLists.txt', PROJECT);
      file('a.c', `int cmake_${basename(work).replace(/\W/g, '_')};\n`);
      expect((await hgbuild(['-q', 'cmake', '-G', 'Ninja', '-B', 'b'])).status).toBe(0);
      const cache = readFileSync(join(work, 'b/CMakeCache.txt'), 'utf8');
      expect(cache).toContain(`CMAKE_C_COMPILER_LAUNCHER:STRING=${LAUNCHER}`);
      expect(cache).not.toMatch(/^CMAKE_C_COMPILER:.*links/m);
      expect(SUMMARY.exec((await hgbuild(['ninja', '-C', 'b'])).err)?.[1]).toMatch(/^1 compile: 0 hits, 1 local/);
      await bed.flush();
      rmSync(join(work, 'b/CMakeFiles/a.dir/a.c.o'));
      expect(SUMMARY.exec((await hgbuild(['cmake', '--build', 'b'])).err)?.[1]).toMatch(/^1 compile: 1 hit/);
      expect((await hgbuild(['ninja', '-C', 'b'])).err).not.toContain('hybridgrid:');
    },
  );

  testWith(
    [tool('cmake'), tool('ninja')],
    'a tree that was configured without us gets a hint with the remedy',
    async () => {
      file('CMakeLists.txt', PROJECT);
      file('a.c', 'int plain_cmake;\n');
      await run(['cmake', '-G', 'Ninja', '-B', 'b'], { cwd: work, env: bed.env });
      const { err } = await hgbuild(['ninja', '-C', 'b']);
      expect(err).toMatch(
        /^hybridgrid: .*this CMake tree calls its compiler by an absolute path; configure it with `hgbuild cmake/m,
      );
    },
  );

  testWith([tool('ninja')], 'a ninja file that calls compilers by name', async () => {
    file('a.c', `int ninja_${basename(work).replace(/\W/g, '_')};\n`);
    file('build.ninja', 'rule cc\n  command = gcc -c $in -o $out\nbuild a.o: cc a.c\n');
    expect(SUMMARY.exec((await hgbuild(['ninja'])).err)?.[1]).toMatch(/^1 compile: 0 hits, 1 local/);
  });

  test('a tool by its path is wrapped as well', async () => {
    smallProject();
    const make = findTool('make') ?? 'make';
    expect(SUMMARY.exec((await hgbuild([make])).err)?.[1]).toMatch(/^1 compile: /);
  });
});
