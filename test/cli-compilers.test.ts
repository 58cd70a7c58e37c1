/** A compiler as first word, and links: the road that never loads Node. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bed, HGBUILD, LAUNCHER, makeBed } from './bed/environment.ts';
import { type Ended, run } from './bed/run.ts';

const ROOT = join(import.meta.dirname, '..');
let bed: Bed;
let work: string;
beforeAll(() => {
  bed = makeBed();
});
afterAll(() => bed.remove());
beforeEach(() => {
  work = mkdtempSync(join(bed.work, 't-'));
});

const hgbuild = (args: readonly string[], env: NodeJS.ProcessEnv = {}, program = HGBUILD): Promise<Ended> =>
  run([program, ...args], { cwd: work, env: { ...bed.env, ...env } });

/** A directory of pretended compilers that print what they were called with. */
function pretended(...names: readonly string[]): string {
  const directory = join(work, 'bin');
  mkdirSync(directory, { recursive: true });
  for (const name of names) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own
    writeFileSync(join(directory, name), '#!/bin/sh\nprintf "%s" "${0##*/}"\nprintf "<%s>" "$@"\n');
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

describe('compiler words', () => {
  test.each([
    'gcc',
    'g++',
    'clang',
    'clang++',
    'gcc-12',
    'clang++-14',
    'arm-none-eabi-gcc',
    'x86_64-linux-gnu-g++-12',
    'aarch64-linux-gnu-cc',
  ])('%s is called with its arguments untouched', async (name) => {
    const PATH = `${pretended(name)}:${bed.env.PATH}`;
    const { stdout, status } = await hgbuild([name, '--version', '', 'a b', '--json', '$x'], { PATH });
    expect(stdout.toString()).toBe(`${name}<--version><><a b><--json><$x>`);
    expect(status).toBe(0);
  });

  test('any path with a slash, also after global flags', async () => {
    const path = join(pretended('my-own-compiler'), 'my-own-compiler');
    expect((await hgbuild([path, '-c'])).stdout.toString()).toBe('my-own-compiler<-c>');
    expect((await hgbuild(['-v', './bin/my-own-compiler', '-v'])).stdout.toString()).toBe('my-own-compiler<-v>');
  });

  test('a compile that works, and one that fails, after flags and without', async () => {
    writeFileSync(join(work, 'good.c'), 'int x;\n');
    writeFileSync(join(work, 'bad.c'), 'int x\n');
    for (const flags of [[], ['-q']]) {
      expect((await hgbuild([...flags, 'gcc', '-c', 'good.c'])).status).toBe(0);
      const plain = await run(['gcc', '-c', 'bad.c'], { cwd: work, env: bed.env });
      const ours = await hgbuild([...flags, 'gcc', '-c', 'bad.c']);
      expect([ours.status, ours.stderr.toString()]).toEqual([plain.status, plain.stderr.toString()]);
    }
  });

  test('a compiler that does not exist', async () => {
    expect((await hgbuild(['gcc-99', '-c', 'x.c'])).status).toBe(127);
    expect((await hgbuild(['./no/gcc', '-c', 'x.c'])).status).toBe(127);
  });

  test('node is not started', async () => {
    const PATH = pretended('gcc', 'node');
    const { stdout } = await run([HGBUILD, 'gcc', '-c'], { cwd: work, env: { ...bed.env, PATH } });
    expect(stdout.toString()).toBe('gcc<-c>');
  });
});

describe('cc and c++', () => {
  test.each<[string, NodeJS.ProcessEnv, string]>([
    ['cc', {}, 'cc<-c>'],
    ['c++', {}, 'c++<-c>'],
    ['cc', { CC: 'gcc-12' }, 'gcc-12<-c>'],
    ['cc', { CC: 'gcc-12 -m32  -DX=*' }, 'gcc-12<-m32><-DX=*><-c>'],
    ['c++', { CXX: 'clang++ -stdlib=libc++' }, 'clang++<-stdlib=libc++><-c>'],
    ['cc', { CC: '' }, 'cc<-c>'],
    ['cc', { CC: 'hgbuild cc' }, 'cc<-c>'],
    ['cc', { CC: `${HGBUILD} cc` }, 'cc<-c>'],
  ])('%s with %j', async (word, env, printed) => {
    const PATH = `${pretended('cc', 'c++', 'gcc-12', 'clang++')}:${bed.env.PATH}`;
    for (const flags of [[], ['-v']]) {
      expect((await hgbuild([...flags, word, '-c'], { ...env, PATH })).stdout.toString()).toBe(printed);
    }
  });
});

describe('HG_DISABLE', () => {
  test('becomes the compiler at once', async () => {
    const PATH = `${pretended('gcc', 'cc')}:${bed.env.PATH}`;
    const env = { PATH, HG_DISABLE: '1', CC: 'gcc -m32' };
    expect((await hgbuild(['gcc', '-c'], env)).stdout.toString()).toBe('gcc<-c>');
    expect((await hgbuild(['cc', '-c'], env)).stdout.toString()).toBe('gcc<-m32><-c>');
    expect((await hgbuild(['-v', 'gcc', '-c'], env)).stdout.toString()).toBe('gcc<-c>');
  });
});

describe('install-links', () => {
  test('links for every compiler, and what is something else is left alone', async () => {
    const bin = pretended('gcc', 'cc', 'clang-99', 'gcc-ar');
    const links = join(work, 'links');
    mkdirSync(links);
    writeFileSync(join(links, 'cc'), 'mine');
    const { stdout, stderr, status } = await hgbuild(['install-links', 'links', '--json'], {
      PATH: `${bin}:/usr/bin:/bin`,
    });
    expect(status).toBe(0);
    const report = JSON.parse(stdout.toString());
    expect(report).toMatchObject({ directory: links, launcher: LAUNCHER, kept: ['cc'] });
    expect(report.links).toEqual(expect.arrayContaining(['clang-99', 'gcc']));
    expect(report.links).not.toContain('gcc-ar');
    expect(stderr.toString()).toBe(`hgbuild: ${links}/cc is something else and was left alone\n`);
    expect(readlinkSync(join(links, 'gcc'))).toBe(LAUNCHER);
    expect(lstatSync(join(links, 'cc')).isFile()).toBe(true);
    const through = await run(['gcc', '-c'], { cwd: work, env: { ...bed.env, PATH: `${links}:${bin}:/usr/bin:/bin` } });
    expect(through.stdout.toString()).toBe('gcc<-c>');
    expect((await hgbuild(['install-links', 'links'], { PATH: `${links}:${bin}:/usr/bin:/bin` })).status).toBe(0);
  });

  test('a directory that cannot be', async () => {
    writeFileSync(join(work, 'file'), '');
    const { status, stderr } = await hgbuild(['install-links', 'file/x']);
    expect(stderr.toString()).toMatch(/^hgbuild: links cannot be made in .*\/file\/x: ENOTDIR/);
    expect(status).toBe(2);
  });
});

describe('the launcher is built on first use', () => {
  /** A copy of the installation that has everything but the launcher. */
  function copyInstallation(name: string): string {
    const root = join(bed.root, name);
    mkdirSync(join(root, 'bin'), { recursive: true });
    for (const file of ['hgbuild', 'build-launcher.sh']) copyFileSync(join(ROOT, 'bin', file), join(root, 'bin', file));
    cpSync(join(ROOT, 'native'), join(root, 'native'), { recursive: true });
    cpSync(join(ROOT, 'dist'), join(root, 'dist'), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    return root;
  }

  test('beside the program, whole even when many ask at once', async () => {
    const root = copyInstallation('fresh');
    const program = join(root, 'bin/hgbuild');
    const endings = await Promise.all([1, 2, 3, 4].map(() => hgbuild(['gcc', '--version'], {}, program)));
    expect(endings.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(endings.map(({ stderr }) => stderr.toString()).join('')).toBe('');
    expect(existsSync(join(root, 'build/hg-launcher'))).toBe(true);
    rmSync(root, { recursive: true });
  });

  test('in the state directory of the user where the installation cannot be written', async () => {
    const root = copyInstallation('read-only');
    // A file in the place of the directory: not writable for root either.
    writeFileSync(join(root, 'build'), '');
    const program = join(root, 'bin/hgbuild');
    expect((await hgbuild(['gcc', '--version'], {}, program)).status).toBe(0);
    const { stdout } = await hgbuild(['launcher'], {}, program);
    expect(stdout.toString()).toMatch(
      new RegExp(`^${bed.home}/.local/state/hybridgrid/native/[^/]+/build/hg-launcher\n$`),
    );
    const launcher = stdout.toString().trim();
    expect(readlinkSync(join(launcher, '../../bin/hgbuild'))).toBe(program);
    expect((await run([launcher, '--hg-start-agent'], { env: bed.env })).status).toBe(0);
    rmSync(root, { recursive: true });
  });

  test('where it cannot be built, the compiler is called plainly', async () => {
    const root = copyInstallation('no-compiler');
    rmSync(join(root, 'native/launcher.c'));
    const env = { PATH: `${pretended('gcc')}:${bed.env.PATH}`, XDG_STATE_HOME: join(work, 'state') };
    mkdirSync(env.XDG_STATE_HOME);
    const program = join(root, 'bin/hgbuild');
    for (const attempt of ['first', 'second']) {
      const { status, stdout, stderr } = await hgbuild(['gcc', attempt], env, program);
      expect([status, stdout.toString(), stderr.toString()]).toEqual([0, `gcc<${attempt}>`, '']);
    }
    expect(existsSync(join(root, 'build/failed'))).toBe(true);
    const wrapped = await hgbuild(['wrap', 'sh', '-c', 'exit 6'], env, program);
    expect(wrapped.status).toBe(6);
    expect(wrapped.stderr.toString()).toContain('the native launcher cannot be built here');
    const doctor = await hgbuild(['doctor'], env, program);
    expect(doctor.status).toBe(1);
    expect(doctor.stdout.toString()).toMatch(/^fail {2}launcher/m);
    rmSync(root, { recursive: true });
  });
});

describe('--target=MACHINE', () => {
  const gnu = ['aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-g++', 'gcc', 'g++', 'clang'];
  const seen = async (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> =>
    (await hgbuild(args, { PATH: `${pretended(...gnu)}:${bed.env.PATH}`, HG_DISABLE: '1', ...env })).stdout.toString();

  test.each([
    [['cc', '-c', 'a b.c', '--target=arm64'], {}, 'aarch64-linux-gnu-gcc<-c><a b.c>'],
    [['c++', '--target=aarch64', '-c', 'x'], {}, 'aarch64-linux-gnu-g++<-c><x>'],
    [['cc', '--target=arm64', '-c', 'x'], { CC: 'clang -g' }, 'clang<-g><--target=aarch64-linux-gnu><-c><x>'],
    // clang's own words go to it as they are.
    [['cc', '--target=armv7-none-eabi', '-c', 'x'], { CC: 'clang' }, 'clang<--target=armv7-none-eabi><-c><x>'],
  ])('%j %j', async (args, env, expected) => expect(await seen(args, env)).toBe(expected));

  test('this machine is built for by its own compiler; for another one it says what there is', async () => {
    const own = process.arch === 'x64' ? 'amd64' : 'arm64';
    const ended = await hgbuild(['cc', `--target=${own}`, '-dumpmachine']);
    expect(ended.stdout.toString()).toMatch(own === 'amd64' ? /^x86_64-/ : /^aarch64-/);
    const none = await hgbuild(['cc', '--target=s390x', '-c', 'x.c']);
    expect([none.status, none.stderr.toString()]).toEqual([
      2,
      expect.stringMatching(
        /^hgbuild: no compiler for s390x here: s390x-linux-gnu-gcc is not in PATH; there are some for: /,
      ),
    ]);
  });
});
