import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAssemblerDepfile, parseDepfile } from './depfile.ts';

describe('parsing', () => {
  test.each([
    ['a.o: a.c b.h\n', ['a.o'], ['a.c', 'b.h']],
    ['a.o: a.c \\\n b.h \\\n  c.h\n', ['a.o'], ['a.c', 'b.h', 'c.h']],
    ['a.o:\n', ['a.o'], []],
    ['a.o: a.c', ['a.o'], ['a.c']],
    ['a.o: \\\n a.c\n', ['a.o'], ['a.c']],
    ['a.o b.o: a.c\n', ['a.o', 'b.o'], ['a.c']],
    ['a\\ b.o: c\\ d.c\n', ['a b.o'], ['c d.c']],
    ['a.o: a$$b.c a\\#b.h\n', ['a.o'], ['a$b.c', 'a#b.h']],
    ['a.o: a\\\\\\ b.c a\\\\#b.h\n', ['a.o'], ['a\\ b.c', 'a\\#b.h']],
    ['a.o: a\\b.c\n', ['a.o'], ['a\\b.c']],
    ['C:/a.o: C:/a.c\n', ['C:/a.o'], ['C:/a.c']],
    ['a:\\ b.o: a.c\n', ['a: b.o'], ['a.c']],
    ['a.o: a.c b.h\nb.h:\nc.h:\n', ['a.o'], ['a.c', 'b.h']],
    ['$(OBJ)/a.o: a.c\n', ['$(OBJ)/a.o'], ['a.c']],
    ['a.o: a\tb.h a\\\tc.h\n', ['a.o'], ['a\tb.h', 'a\tc.h']],
    // Lines that go on without a space around, and lines before the rule.
    ['a.o: a.c\\\n b.h \\\nc.h\n', ['a.o'], ['a.c', 'b.h', 'c.h']],
    ['a.o: \\\n\\\n a.c \\\n', ['a.o'], ['a.c']],
    ['x\na.o: a.c\n', ['x', 'a.o'], ['a.c']],
    ['a.o: a.c \\', ['a.o'], ['a.c', '\\']],
  ])('%j', (text, targets, inputs) => {
    expect(parseDepfile(text)).toEqual({ target: targets[0], targets, inputs });
  });

  test.each(['', '\n', 'nothing here\n', ': a.c\n', 'a:b\n'])('%j is no depfile', (text) => {
    expect(parseDepfile(text)).toBeUndefined();
  });

  test('the assembler does not escape a hash', () => {
    expect(parseAssemblerDepfile('a.o: a\\#b.s a$$c.s\n')?.inputs).toEqual(['a\\#b.s', 'a$c.s']);
  });
});

const NASTY = [
  'plain.h',
  'a b.h',
  'a  b.h',
  ' x.h',
  'a#b.h',
  '#.h',
  'a$b.h',
  'a$$b.h',
  '$(x).h',
  'a:b.h',
  'a: b.h',
  ':.h',
  'a%b.h',
  "a'b.h",
  'a*b.h',
  'a=b.h',
  'a;b.h',
  'a|b.h',
  'a&b.h',
  'a~b.h',
  '[x].h',
  'a\tb.h',
  'ü.h',
  '\xff.h',
  'a,b.h',
  'a(b).h',
  'a!b.h',
  '-a.h',
  '@a.h',
  '{a}.h',
  'a`b.h',
  'a^b.h',
  'a+b.h',
] as const; // prettier-ignore

/** Clang writes a backslash as a slash: these only gcc and the assembler give back. */
const BACKSLASHES = [
  'a\\b.h',
  'a\\ b.h',
  'a\\\\ b.h',
  'a\\#b.h',
  'a\\\\#b.h',
  '\\ x.h',
  'a\\$b.h',
  'a\\:b.h',
  'a\\\\b.h',
];

describe('round trips through the real writers', () => {
  let base = '';
  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), 'hg-depfile-'));
    mkdirSync(join(base, 'h'));
  });
  afterAll(() => rmSync(base, { recursive: true }));

  const plant = (name: string, text: string) =>
    writeFileSync(Buffer.from(join(base, name), 'latin1'), Buffer.from(text, 'latin1'));
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: base, stdio: 'ignore' });
  const read = () => readFileSync(join(base, 'o.d'), 'latin1');

  test.each([...NASTY, ...BACKSLASHES])('gcc names a header %j', (name) => {
    plant(`h/${name}`, '');
    plant('a.c', `#include "h/${name}"\n`);
    run('gcc', '-MD', '-MP', '-MF', 'o.d', '-c', 'a.c', '-o', 'x.o');
    expect(parseDepfile(read())).toMatchObject({
      target: 'x.o',
      inputs: ['a.c', '/usr/include/stdc-predef.h', `h/${name}`],
    });
  });

  test.each(NASTY)('clang names a header %j', (name) => {
    plant(`h/${name}`, '');
    plant('a.c', `#include "h/${name}"\n`);
    run('clang', '-MD', '-MF', 'o.d', '-c', 'a.c', '-o', 'x.o');
    expect(parseDepfile(read())).toMatchObject({ target: 'x.o', inputs: ['a.c', `h/${name}`] });
  });

  test.each([...NASTY, ...BACKSLASHES].filter((name) => name !== '\xff.h'))('the assembler names a file %j', (name) => {
    plant(`h/${name}`, '');
    plant('a.s', `.include "h/${name.replaceAll('\\', '\\\\')}"\n`);
    run('as', '--MD', 'o.d', 'a.s', '-o', 'x.o');
    const inputs = parseAssemblerDepfile(read())?.inputs ?? [];
    expect([...inputs].sort()).toEqual(['a.s', `h/${name}`].sort());
  });

  test.each(['a b.o', 'a:b.o', 'a: b.o', 'a$b.o', 'a#b.o', 'a\\b.o', 'a\\ b.o'])(
    'gcc and clang name a target %j',
    (name) => {
      plant('a.c', 'int x;\n');
      for (const compiler of ['gcc', 'clang']) {
        run(compiler, '-MD', '-MF', 'o.d', '-c', 'a.c', '-o', name);
        expect(parseDepfile(read())?.target).toBe(name);
      }
    },
  );

  test('a list of hundreds of headers is whole', () => {
    const names = Array.from({ length: 300 }, (_, i) => `h/n${i} x.h`);
    for (const name of names) plant(name, '');
    plant('a.c', names.map((name) => `#include "${name}"\n`).join(''));
    for (const compiler of ['gcc', 'clang']) {
      run(compiler, '-MMD', '-MP', '-MF', 'o.d', '-c', 'a.c', '-o', 'x.o');
      expect(parseDepfile(read())?.inputs.slice(1)).toEqual(names);
    }
  });
});
