import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isCompilerVariable, keyEnvironment, refusingVariable } from './environment.ts';

const env = (pairs: Record<string, string>) => new Map(Object.entries(pairs));

test('the key holds what reaches a compile, sorted, and nothing else', () => {
  const given = env({
    PATH: '/bin',
    LANG: 'C',
    CPATH: '/x',
    HOME: '/root',
    SOURCE_DATE_EPOCH: '1',
    GCC_COLORS: '',
    TERM: 'xterm',
  });
  expect(keyEnvironment(given, 'gcc')).toEqual([
    ['CPATH', '/x'],
    ['GCC_COLORS', ''],
    ['LANG', 'C'],
    ['SOURCE_DATE_EPOCH', '1'],
  ]);
});

test('a variable that is set to nothing is in the key', () => {
  expect(keyEnvironment(env({ LC_ALL: '' }), 'clang')).toEqual([['LC_ALL', '']]);
});

test.each([
  'CPATH',
  'C_INCLUDE_PATH',
  'CPLUS_INCLUDE_PATH',
  'GCC_EXEC_PREFIX',
  'GCC_URLS',
  'COMPILER_PATH',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
  'SOURCE_DATE_EPOCH',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
])('%s is in the key of both families', (name) => {
  for (const family of ['gcc', 'clang'] as const)
    expect(keyEnvironment(env({ [name]: 'v' }), family)).toEqual([[name, 'v']]);
  expect(isCompilerVariable(name)).toBe(true);
});

test.each(['PATH', 'HOME', 'TERM', 'COLUMNS', 'TMPDIR', 'PWD', 'MAKEFLAGS', 'LC_TIME', 'XLC_ALL', 'CPATH2'])(
  '%s is in no key',
  (name) => {
    for (const family of ['gcc', 'clang'] as const) expect(keyEnvironment(env({ [name]: 'v' }), family)).toEqual([]);
  },
);

test('clang has variables of its own', () => {
  expect(keyEnvironment(env({ CLANG_X: '1' }), 'clang')).toEqual([['CLANG_X', '1']]);
  expect(keyEnvironment(env({ CLANG_X: '1' }), 'gcc')).toEqual([]);
});

test.each([
  'DEPENDENCIES_OUTPUT',
  'SUNPRO_DEPENDENCIES',
  'CCC_OVERRIDE_OPTIONS',
  'CC_PRINT_OPTIONS',
  'CC_PRINT_OPTIONS_FILE',
  'CC_PRINT_HEADERS',
  'CC_LOG_DIAGNOSTICS',
  'GCC_COMPARE_DEBUG',
])('%s refuses', (name) => {
  expect(refusingVariable(env({ HOME: '/', [name]: '' }))).toBe(name);
  expect(isCompilerVariable(name)).toBe(true);
});

test('an ordinary environment does not refuse', () => {
  expect(
    refusingVariable(new Map(Object.entries({ PATH: '/bin', CC: 'gcc', CFLAGS: '-g', CPATH: '/x' }))),
  ).toBeUndefined();
});

/** Notes every name a program asks `getenv` for, and so shows what gcc and clang read. */
const NOTING_GETENV = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
typedef char *getter(const char *);
static char *note(const char *name, const char *symbol) {
  int log = open(NOTES, O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (write(log, name, strlen(name)) < 0 || write(log, "\\n", 1) < 0) _exit(9);
  close(log);
  return ((getter *)dlsym(RTLD_NEXT, symbol))(name);
}
char *getenv(const char *name) { return note(name, "getenv"); }
char *secure_getenv(const char *name) { return note(name, "secure_getenv"); }
`;

/** What they ask for and what does not reach the result of a compile; see the comment in environment.ts. */
const WITHOUT_EFFECT = new Set([
  'COLORTERM',
  'COLUMNS',
  'FORCE_CLANG_DIAGNOSTICS_CRASH',
  'MAKEFLAGS',
  'PATH',
  'PWD',
  'ROCM_PATH',
  'TEMP',
  'TEMPDIR',
  'TERM',
  'TMP',
  'TMPDIR',
  // clang 14 asks for this one to stop the optimiser, by a name that nobody sets.
  'bar',
]);

test.each([
  ['gcc -c'],
  ['gcc -c -g -flto -pipe'],
  ['g++ -c -fdiagnostics-color=always'],
  ['gcc -S --coverage'],
  ['clang -c -g'],
  ['clang++ -c -fcolor-diagnostics'],
  ['clang -c -fno-integrated-as'],
])('every variable that `%s` asks for is known', (command) => {
  const base = mkdtempSync(join(tmpdir(), 'hg-env-'));
  try {
    const [source, library, notes] = ['getenv.c', 'getenv.so', 'notes'].map((name) => join(base, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, NOTING_GETENV);
    execFileSync('gcc', ['-shared', '-fPIC', `-DNOTES="${notes}"`, source, '-o', library, '-ldl']);
    const [compiler, ...args] = command.split(' ') as [string, ...string[]];
    writeFileSync(join(base, 'a.c'), '#warning coloured\n#include <stdlib.h>\n');
    execFileSync(compiler, [...args, 'a.c', '-o', 'a.o'], {
      cwd: base,
      env: { PATH: '/usr/bin:/bin', LD_PRELOAD: library },
      stdio: 'ignore',
    });
    const asked = new Set(readFileSync(notes, 'latin1').trim().split('\n'));
    expect(asked.size).toBeGreaterThan(5);
    expect([...asked].filter((name) => !isCompilerVariable(name) && !WITHOUT_EFFECT.has(name))).toEqual([]);
  } finally {
    rmSync(base, { recursive: true });
  }
});
