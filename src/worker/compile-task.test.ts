import { expect, test } from 'vitest';
import { toBytes } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import type { ClangNative, CompileSpec, GccNative, InputNode } from '../contract/generated/hybridgrid/v1/build.ts';
import { planTask } from './compile-plan.ts';
import { type CompileTask, checkCommand, readTask } from './compile-task.ts';
import { follow, isTidy } from './node-table.ts';
import { COMPILE_LIMITS, type SandboxPlan } from './sandbox-plan.ts';

const file = (path: string, text = path, size = text.length): InputNode => ({
  path: toBytes(path),
  node: {
    $case: 'file',
    value: { digest: Buffer.from(sha256(text), 'hex'), size: BigInt(size), mtimeNs: 0n, executable: false },
  },
});
const link = (path: string, target: string): InputNode => ({
  path: toBytes(path),
  node: { $case: 'linkTarget', value: toBytes(target) },
});
const directory = (path: string): InputNode => ({ path: toBytes(path), node: { $case: 'directory', value: true } });

const PARTS = [file('/usr/bin/gcc-12'), link('/usr/bin/gcc', 'gcc-12'), file('/usr/lib/gcc/cc1')];
const OBJECT = { role: 'object', path: toBytes('a.o'), required: true };

function spec(changes: Partial<CompileSpec> = {}, args = '-c a.c -o a.o'): CompileSpec {
  return {
    compiler: toBytes('/usr/bin/gcc'),
    args: args.split(' ').map(toBytes),
    cwd: toBytes('/src'),
    env: [{ name: toBytes('PATH'), value: toBytes('/usr/bin') }],
    toolchain: { digest: Buffer.alloc(32), parts: PARTS },
    inputs: [file('/src/a.c')],
    outputs: [OBJECT],
    listArgs: [],
    arch: 'x86_64',
    native: undefined,
    ...changes,
  };
}

/** 'taken', or why not. */
function judged(changes: Partial<CompileSpec> = {}, args?: string, files: Record<string, string> = {}): string {
  const task = readTask(spec(changes, args), 'x86_64');
  if (task.kind === 'not-acceptable') return task.detail;
  return checkCommand(task, (path) => files[path])?.detail ?? 'taken';
}

const inputs = (...nodes: InputNode[]): Partial<CompileSpec> => ({ inputs: [file('/src/a.c'), ...nodes] });
const outputs = (...paths: string[]): Partial<CompileSpec> => ({
  outputs: paths.map((path, i) => ({ ...OBJECT, role: ['object', 'depfile'][i] ?? '', path: toBytes(path) })),
});
const listArgs = (...words: string[]): Partial<CompileSpec> => ({ listArgs: words.map(toBytes) });
const env = (name: string, value: string): Partial<CompileSpec> => ({
  env: [{ name: toBytes(name), value: toBytes(value) }],
});
const native = (changes: Partial<GccNative> = {}): Partial<CompileSpec> => ({
  native: {
    $case: 'gccNative',
    value: {
      arch: ['-march=haswell', '-mno-sse4a'],
      tune: ['--param', 'l1-cache-size=32', '-mtune=haswell'],
      ...changes,
    },
  },
});
const clangNative = (changes: Partial<ClangNative> = {}): Partial<CompileSpec> => ({
  native: { $case: 'clangNative', value: { cpu: 'haswell', features: ['+avx2', '-sse4a'], ...changes } },
});
const compiler = (path: string, ...parts: InputNode[]): Partial<CompileSpec> => ({
  compiler: toBytes(path),
  toolchain: { digest: Buffer.alloc(32), parts },
});

const NATIVE = '-march=native -c a.c -o a.o';
const CLANG = compiler('/opt/clang-14', file('/opt/clang-14'));

test.each<[string, Partial<CompileSpec>, string?]>([
  ['a plain compile', {}],
  ['a compiler of its own name', compiler('/opt/clang-14', file('/opt/clang-14'))],
  ['an ambiguous name whose link tells', compiler('/bin/cc', link('/bin/cc', '../usr/gcc'), file('/usr/gcc'))],
  ['links, directories, files', inputs(link('/inc', 'src/x'), directory('/src/x'), file('/usr/include/a.h'))],
  ['the root as a directory', inputs(directory('/'))],
  ['what parts and inputs both say', inputs(link('/usr/bin/gcc', 'gcc-12'), file('/usr/lib/gcc/cc1'))],
  ['lists', listArgs('-MD', '-MF', '\x01', '-Wa,--MD,\x01', '-fdiagnostics-color=always')],
  ['a depfile', outputs('a.o', 'a.d'), '-MD -c a.c -o a.o'],
  ['an output elsewhere', outputs('../out/a.o'), '-c a.c -o ../out/a.o'],
  ['a locale', env('LC_ALL', 'C.UTF-8')],
  ['an empty loader path', env('LD_LIBRARY_PATH', '')],
  ["the client's processor", native(), NATIVE],
  ["the client's processor in clang's words", { ...CLANG, ...clangNative() }, NATIVE],
])('%s is taken', (_, changes, args) => {
  expect(judged(changes, args)).toBe('taken');
});

type Refused = [string, Partial<CompileSpec>, RegExp, string?];

test.each<Refused>([
  ['another architecture', { arch: 'aarch64' }, /arch/],
  ['no toolchain', { toolchain: undefined }, /toolchain/],
  ['a compiler that is no part', compiler('/usr/bin/gcc', file('/usr/bin/g++')), /no part/],
  ['a compiler that is only an input', { ...inputs(file('/src/gcc')), compiler: toBytes('/src/gcc') }, /no part/],
  ['a shell', compiler('/bin/sh', file('/bin/sh')), /compiler/],
  ['a shell behind the name of a compiler', compiler('/x/cc', link('/x/cc', 'sh'), file('/x/sh')), /compiler/],
  ['a relative compiler', { compiler: toBytes('gcc') }, /compiler/],
  ['an untidy directory', { cwd: toBytes('/src/../src') }, /directory/],
  [
    'a directory that a link leads from',
    { ...inputs(link('/src', '/x')), cwd: toBytes('/src') },
    /two things|directory/,
  ],
  ['a directory of the sandbox', { cwd: toBytes('/proc/self') }, /directory/],
  ['a path with dots', inputs(file('/src/../../etc/x')), /path/],
  ['a path with a slash at its end', inputs(directory('/src/')), /path/],
  ['a relative path', inputs(file('x')), /path/],
  ['a path with NUL', inputs(file('/a\0b')), /path/],
  ['a device', inputs(file('/dev/null')), /path/],
  ['a list of ours', inputs(file('/tmp/.hg-list-0')), /path/],
  ['a link for /tmp', inputs(link('/tmp', '/src')), /link/],
  ['an empty link', inputs(link('/l', '')), /link/],
  ['two links at a place', inputs(link('/l', 'a'), link('/l', 'b')), /two links/],
  ['two files at a place', inputs(file('/src/a.c', 'other')), /two files/],
  ['a file that the compiler has otherwise', inputs(file('/usr/bin/gcc-12', 'evil')), /two files/],
  ['a link that the compiler has otherwise', inputs(link('/usr/bin/gcc', 'evil')), /two links/],
  ['a file below a file', inputs(file('/src/a.c/x.h')), /two things/],
  ['a file below a link', inputs(link('/l', '/usr'), file('/l/x.h')), /two things/],
  ['a directory below a link', inputs(link('/l', '/usr'), directory('/l/x')), /two things/],
  ['a link that is a directory', inputs(link('/l', '/usr'), directory('/l')), /two things/],
  ['a huge file', inputs(file('/huge', 'x', 2 ** 30 + 1)), /file/],
  ['too much in all', inputs(...[1, 2, 3, 4, 5].map((i) => file(`/${i}`, 'x', 2 ** 30))), /bytes/],
  [
    'a digest that is none',
    inputs({
      path: toBytes('/x'),
      node: { $case: 'file', value: { digest: Buffer.alloc(3), size: 0n, mtimeNs: 0n, executable: false } },
    }),
    /file/,
  ],
  ['a node that is nothing', inputs({ path: toBytes('/x'), node: undefined }), /file/],
  ['too many inputs', { inputs: Array.from({ length: 20_001 }, (_, i) => directory(`/${i}`)) }, /inputs/],
  ['a word with NUL', {}, /words/, '-c a.c -o a.o -DX=\0'],
  ['a word too long for the kernel', {}, /words/, `-c a.c -o a.o -D${'x'.repeat(131_072)}`],
  ['orders to the loader', env('LD_PRELOAD', '/src/evil.so'), /variable/],
  ['a variable that nobody knows', env('HOME', '/'), /variable/],
  ['a variable that the model refuses', env('DEPENDENCIES_OUTPUT', '/x'), /variable/],
  ['another list', listArgs('-fplugin=\x01'), /list_args/],
  ['a list twice', listArgs('-Wa,--MD,\x01', '-Wa,--MD,\x01'), /list_args/],
  ['no output', { outputs: [] }, /outputs/],
  ['an output that the command does not write', outputs('b.o'), /outputs/],
  ['an output too few', {}, /outputs/, '-MD -c a.c -o a.o'],
  ['an output that is not required', { outputs: [{ ...OBJECT, required: false }] }, /outputs/],
  ['an output in /proc', outputs('/proc/x.o'), /output/, '-c a.c -o /proc/x.o'],
  ['an output that is an input', outputs('a.c'), /output/, '-c a.c -o a.c'],
  ['an output below an input', outputs('a.c/x.o'), /output/, '-c a.c -o a.c/x.o'],
  [
    'an output through a link into /dev',
    { ...inputs(link('/l', 'dev')), ...outputs('/l/x.o') },
    /output/,
    '-c a.c -o /l/x.o',
  ],
  [
    'links in a circle',
    { ...inputs(link('/l', 'm'), link('/m', 'l')), ...outputs('/l/x.o') },
    /output/,
    '-c a.c -o /l/x.o',
  ],
  ['a link', {}, /link/, 'a.c -o a.o'],
  ['a question', {}, /no compile/, '--version'],
  ['a plugin', {}, /plugin/, '-fplugin=/src/a.so -c a.c -o a.o'],
  ['an unknown option', {}, /unknown-option/, '--no-such -c a.c -o a.o'],
  ['a native processor that nobody tells', {}, /native/, NATIVE],
  ['a native processor that nobody asked for', native(), /native/],
  ["gcc's words for clang", { ...CLANG, ...native() }, /native/, NATIVE],
  ["clang's words for gcc", clangNative(), /native/, NATIVE],
  ['another question for the processor of clang', { ...CLANG, ...clangNative() }, /native/, `-mcpu=native ${NATIVE}`],
  ['no words', native({ arch: [] }), /native/, NATIVE],
  ['our own processor', native({ tune: ['-mtune=native'] }), /native/, NATIVE],
  ['our own processor for clang', { ...CLANG, ...clangNative({ cpu: 'native' }) }, /native/, NATIVE],
  ...[
    '-fplugin=x.so',
    '-mx %:local_cpu_detect(arch)',
    '-mx}',
    '-m%x',
    '-mx\n\n*cc1:\n',
    '-m',
    'x',
    '--param',
    '-mx;',
    '-mX',
  ].map(
    (word): Refused => [`a word like ${JSON.stringify(word)}`, native({ arch: ['-march=x', word] }), /native/, NATIVE],
  ),
  ['a parameter that is no number', native({ tune: ['--param', 'a=%b'] }), /native/, NATIVE],
  ['a feature that is an option', { ...CLANG, ...clangNative({ features: ['-load', 'x.so'] }) }, /native/, NATIVE],
  ['a processor that is two words', { ...CLANG, ...clangNative({ cpu: 'x y' }) }, /native/, NATIVE],
  ['more words than there are', native({ arch: Array(1001).fill('-mx') }), /native/, NATIVE],
  ['a response file that was not sent', {}, /response-file/, '@args'],
])('%s is not taken', (_, changes, why, args) => {
  expect(judged(changes, args)).toMatch(why);
});

test('a response file counts with what it holds, wherever a link leads', () => {
  const sent = inputs(file('/opt/args'), link('/src/args', '../opt/args'));
  expect(judged(sent, '@args', { '/opt/args': '-c a.c -o a.o' })).toBe('taken');
  expect(judged(sent, '@args', { '/opt/args': '-c a.c -o a.o -fplugin=x.so' })).toMatch(/plugin/);
});

test.each([
  ['/a/b', '/a/b', []],
  ['/l/b', '/x/y/b', []],
  ['/l/../b', '/x/b', ['/x/y']],
  ['/a/../../b/.', '/b', ['/a']],
  ['/m/c', '/a/c', ['/q']],
  ['/', '/', []],
])('%s leads to %s', (path, real, passed) => {
  const links = new Map([
    ['/l', '/x/y'],
    ['/q/m', '../a'],
    ['/m', 'q/m'],
  ]);
  expect(follow(path, { files: new Map(), links, directories: new Set() })).toEqual({ real, passed });
});

test('tidy paths are absolute and lead nowhere else', () => {
  expect(['/a', '/a/b.c', '/.hidden', '/...', '/a/..b', '/\xff'].filter(isTidy)).toHaveLength(6);
  expect(['', '/', 'a', '/a/', '//a', '/a//b', '/.', '/a/.', '/a/./b', '/..', '/../a', '/a/..'].filter(isTidy)).toEqual(
    [],
  );
  expect(isTidy(`/${'x'.repeat(256)}`)).toBe(false);
});

test('the plan holds the tree, room for the outputs, and a name for every list', () => {
  const given = {
    ...inputs(directory('/src/inc')),
    ...outputs('sub/../../out/a.o'),
    ...listArgs('-MD', '-MF', '\x01', '-Wa,--MD,\x01'),
  };
  const task = readTask(spec(given, '-c a.c -o sub/../../out/a.o \x01'), 'x86_64') as CompileTask;
  const files = [{ path: '/src/a.c', source: '/store/1', version: '' }];
  const plan = planTask(task, files, '/clients/1', COMPILE_LIMITS);
  expect(plan.files).toEqual(files);
  expect(plan.home).toMatch(/^\/clients\/1 [0-9a-f]{64}$/);
  expect(plan.directories).toEqual(['/src/inc', '/src/sub', '/src']);
  expect(plan.writable).toEqual(['/src', '/out']);
  expect(plan.argv.slice(0, 5)).toEqual(['/usr/bin/gcc', '-MD', '-MF', '/tmp/.hg-list-0', '-Wa,--MD,/tmp/.hg-list-1']);
  expect(plan.argv.at(-1)).toBe('\x01');
  expect(plan.outputs.map(({ path }) => path)).toEqual(['sub/../../out/a.o', '/tmp/.hg-list-0', '/tmp/.hg-list-1']);
});

test('gcc is told of the native processor by a file of the sandbox, clang by words in its place', () => {
  const planOf = (changes: Partial<CompileSpec>, args: string): SandboxPlan =>
    planTask(readTask(spec(changes, args), 'x86_64') as CompileTask, [], '/clients/1', COMPILE_LIMITS);
  const gcc = planOf(native(), NATIVE);
  expect(gcc.argv).toEqual(['/usr/bin/gcc', '-specs=/tmp/.hg-native.specs', ...NATIVE.split(' ')]);
  expect(gcc.texts?.map(({ path }) => path)).toEqual(['/tmp/.hg-native.specs']);
  expect(gcc.texts?.[0]?.text).toMatch(/^\*cc1_cpu:\n%\{march=native:.*-march=haswell -mno-sse4a .*\}\n\n$/);
  expect(gcc.texts?.[0]?.text).not.toContain('local_cpu_detect');
  const clang = planOf({ ...CLANG, ...clangNative() }, `-O2 -mtune=native ${NATIVE}`);
  const words = ['+avx2', '-sse4a'].flatMap((feature) => ['-Xclang', '-target-feature', '-Xclang', feature]);
  const rest = ['-mtune=haswell', '-march=haswell', '-c', 'a.c', '-o', 'a.o'];
  expect(clang.argv).toEqual(['/opt/clang-14', '-O2', ...words, ...rest]);
});
