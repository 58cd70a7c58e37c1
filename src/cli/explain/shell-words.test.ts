import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellWords } from './shell-words.ts';

test.each([
  ['gcc -c a.c', ['gcc', '-c', 'a.c']],
  ['  gcc\t-DX=\\"s\\"\n ', ['gcc', '-DX="s"']],
  [`cc '-DA="b c"' -I"/x y"/z`, ['cc', '-DA="b c"', '-I/x y/z']],
  ["a '' b", ['a', '', 'b']],
  ['a\\\nb', ['ab']],
  ['', []],
])('%j', (text, words) => expect(shellWords(text)).toEqual(words));

test.each(["a 'b", 'a "b'])('%j is not closed', (text) => expect(shellWords(text)).toBeUndefined());

test('as the shell itself splits', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '-',
    '=',
    '/',
    ' ',
    '  ',
    '\\"',
    "\\'",
    '\\\\',
    '\\ ',
    '"x y"',
    "'x $y'",
    '"\\"\\\\ \\n"',
    "''",
  );
  const commands = fc.sample(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    200,
  );
  // One shell prints every word of every command, each ended by NUL, each command by an empty line.
  const script = commands
    .map((command) => `set -- ${command}\nfor w do printf '%s\\0' "$w"; done\nprintf '\\n\\0'`)
    .join('\n');
  const printed = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).stdout;
  const expected = printed
    .split('\n\0')
    .slice(0, -1)
    .map((words) => words.split('\0').slice(0, -1));
  expect(commands.map((command) => shellWords(command))).toEqual(expected);
});
