import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compilersInPath } from './compiler-names.ts';

const directory = mkdtempSync(join(tmpdir(), 'hg-names-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('every compiler of PATH once, nothing else', () => {
  const [a, b] = [join(directory, 'a'), join(directory, 'b')];
  const names = [
    'gcc',
    'g++-12',
    'clang++',
    'arm-none-eabi-gcc',
    'c99',
    'c89-gcc',
    'gcc-ar',
    'clang-format',
    'cc1',
    'ccache',
    'gccgo',
  ];
  for (const path of [a, b]) {
    mkdirSync(path);
    for (const name of names) writeFileSync(join(path, name), '', { mode: 0o755 });
  }
  writeFileSync(join(a, 'g++'), '');
  chmodSync(join(a, 'g++'), 0o644);
  writeFileSync(join(b, 'x86_64-linux-gnu-cc'), '', { mode: 0o755 });
  const expected = ['arm-none-eabi-gcc', 'clang++', 'g++-12', 'gcc', 'x86_64-linux-gnu-cc'];
  expect(compilersInPath(`${a}:/nonexistent:${b}:${a}`)).toEqual(expected);
});

test('what this machine calls its compiler is among them', () => {
  const path = process.env.PATH ?? '';
  expect(compilersInPath(path)).toEqual(expect.arrayContaining(['cc', 'gcc', 'g++']));
});
