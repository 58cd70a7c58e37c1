import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expandResponseFiles, splitResponse } from './response-file.ts';

describe('splitting', () => {
  test.each([
    ['a b  c', ['a', 'b', 'c']],
    ['', []],
    [' \n\t\r ', []],
    ['"a b" c', ['a b', 'c']],
    ['a\\ b', ['a b']],
    ['"unfinished x', ['unfinished x']],
    ['a"b c"d', ['ab cd']],
  ])('%j', (text, args) => {
    expect(splitResponse(text)).toEqual(args);
  });

  test.each(['""', "a '' b", 'end\\', 'a\0b', 'a\vb', 'a\fb', '\xef\xbb\xbf-c', '\xff\xfe-c'])(
    '%j is read differently by gcc and clang',
    (text) => {
      expect(splitResponse(text)).toBeUndefined();
    },
  );
});

describe('expanding', () => {
  const files = new Map([
    ['one', '-DA @two -DB'],
    ['two', '"-D C"'],
    ['self', '-x @self'],
    ['lost', '@nowhere'],
  ]);
  const read = (path: string) => files.get(path);

  test('arguments take the place of the file that names them', () => {
    expect(expandResponseFiles(['-c', '@one', 'a.c'], read)).toEqual({
      args: ['-c', '-DA', '-D C', '-DB', 'a.c'],
      files: ['one', 'two'],
    });
  });

  test('without a response file nothing changes', () => {
    expect(expandResponseFiles(['-c', '@', 'a@b.c'], read)).toEqual({ args: ['-c', '@', 'a@b.c'], files: [] });
  });

  test.each([
    ['@nowhere', 'nowhere'],
    ['@lost', 'nowhere'],
    ['@self', 'self'],
  ])('%s is refused', (arg, detail) => {
    expect(expandResponseFiles([arg], read)).toEqual({ kind: 'refused', reason: 'response-file', detail });
  });

  test('ten thousand arguments are no depth', () => {
    const many = new Map([['many', Array.from({ length: 10_000 }, (_, i) => `-DX${i}`).join('\n')]]);
    expect(expandResponseFiles(['@many'], (path) => many.get(path))).toMatchObject({ args: { length: 10_000 } });
  });
});

describe('as the real compilers read it', () => {
  let base = '';
  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), 'hg-response-'));
  });
  afterAll(() => rmSync(base, { recursive: true }));

  // Each word becomes a macro that the preprocessor prints back, so that every byte of every argument shows.
  const TEXTS = [
    '-DM0=a -DM1=b',
    '"-DM0=a b" -DM1=c',
    "'-DM0=a b'",
    '-DM0=a\\ b',
    '"-DM0=a\\ b"',
    '-DM0=\\"a\\"',
    '"-DM0=\\"a b\\""',
    "'-DM0=it\\'s'",
    '-DM0="a\'b"',
    "-DM0='a\"b'",
    '-DM0=a\\\\b',
    '-DM0="a b" \t -DM1=c\r\n-DM2=d',
    "-D'M0=x'y",
    '-DM0=a"b"c\'d\'e',
    '\\-DM0=z',
    '"-DM0=open end',
    '-DM0=#x',
    '# -DM0=1',
    '-DM0=\\n',
    '-DM0=$x',
    '-DM0=@x',
  ]; // prettier-ignore

  test.each(TEXTS)('%j', (text) => {
    writeFileSync(join(base, 'r'), text);
    writeFileSync(join(base, 'a.c'), 'M0|M1|M2\n');
    const args = splitResponse(text) as string[];
    for (const compiler of ['gcc', 'clang']) {
      const run = (given: string[]) => {
        const { stdout, stderr, status } = spawnSync(compiler, ['-E', '-P', 'a.c', ...given], {
          cwd: base,
          encoding: 'latin1',
        });
        return { stdout, stderr, status };
      };
      expect(run(['@r'])).toEqual(run(args));
    }
  });

  test('a nested file is found from the current directory', () => {
    execFileSync('mkdir', ['-p', join(base, 'sub')]);
    writeFileSync(join(base, 'sub/outer'), '@inner');
    writeFileSync(join(base, 'inner'), '-DM0=right');
    writeFileSync(join(base, 'sub/inner'), '-DM0=wrong');
    writeFileSync(join(base, 'a.c'), 'M0\n');
    for (const compiler of ['gcc', 'clang']) {
      expect(execFileSync(compiler, ['-E', '-P', 'a.c', '@sub/outer'], { cwd: base, encoding: 'latin1' })).toContain(
        'right',
      );
    }
  });
});
