import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stripColour } from './colour.ts';

let base = '';
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'hg-colour-'));
});
afterAll(() => rmSync(base, { recursive: true }));

const SOURCES: readonly (readonly [name: string, text: string])[] = [
  ['unused variable', 'int f(void) { int unused; return 1; }'],
  ['format mismatch', '#include <stdio.h>\nvoid f(long x) { printf("%d %s\\n", x, 3); }'],
  ['fix-it hint', 'struct s { int member; }; int f(struct s *p) { return p.membr; }'],
  ['missing semicolon', 'int f(void) { return 1 }'],
  ['undeclared', 'int f(void) { return undeclared_name + other; }'],
  ['error directive', '#error this is wrong\n#warning and this is odd'],
  ['missing header', '#include "no/such.h"'],
  ['macro expansion', '#define M(x) ((x) / 0)\n#define N(y) M(y)\nint f(void) { return N(3); }'],
  ['fall-through', 'int f(int x) { switch (x) { case 1: x = 2; case 2: return x; } return 0; }'],
  ['sign compare', 'int f(int a, unsigned b) { if (a < b) return 1; return a = b; }'],
  ['incompatible pointer', 'int *f(char *p) { return p; } void g(void) { f(3, 4); }'],
  ['conflicting types', 'int f(int); char f(int x) { return x; }'],
  ['string quotes', 'const char *s = "a\\qb"; int c = \'ab\';'],
  ['a long line', `int f(void) { return ${'undeclared + '.repeat(40)}1; }`],
  ['wide characters', 'int f(void) { /* ü 漢字 */ return ünknown; }'],
  ['note chain', '#include "note.h"\nint f(void) { return g("x"); }'],
  ['misleading indentation', 'int f(int x) {\n  if (x)\n    x = 1;\n    x = 2;\n  return x;\n}'],
];

test.each([
  ['gcc', '-fdiagnostics-color=always', ['-fdiagnostics-urls=always']],
  ['gcc', '-fdiagnostics-color=always', []],
  ['clang', '-fcolor-diagnostics', []],
] as const)('%s %s %j: stripped is plain', (compiler, forced, more) => {
  writeFileSync(join(base, 'note.h'), 'int g(int x);\n');
  for (const [name, text] of SOURCES) {
    writeFileSync(join(base, 'a.c'), `${text}\n`);
    const run = (...args: string[]) =>
      spawnSync(compiler, ['-c', '-Wall', '-Wextra', '-Wimplicit-fallthrough', 'a.c', '-o', 'a.o', ...args], {
        cwd: base,
        encoding: 'latin1',
      }).stderr;
    const plain = run();
    const coloured = run(forced, ...more);
    expect(plain, name).not.toBe('');
    expect(coloured, name).toContain('\x1b[');
    expect(stripColour(coloured), name).toBe(plain);
    expect(stripColour(coloured, compiler), name).toBe(plain);
  }
});

test.each([
  ['plain', 'plain'],
  ['\x1b[01m\x1b[Ka.c:1:\x1b[m\x1b[K x', 'a.c:1: x'],
  ['\x1b[0;1;31merror: \x1b[0mx', 'error: x'],
  ['\x1b]8;;https://gcc.gnu.org\x1b\\-Wall\x1b]8;;\x1b\\', '-Wall'],
  ['\x1b]8;;https://gcc.gnu.org\x07-Wall\x1b]8;;\x07', '-Wall'],
  ['\x1b[2J stays', '\x1b[2J stays'],
])('%j', (text, expected) => {
  expect(stripColour(text)).toBe(expected);
});

test('what gcc did not write itself stays when the family is known', () => {
  expect(stripColour('"\x1b[31mred"', 'gcc')).toBe('"\x1b[31mred"');
});
