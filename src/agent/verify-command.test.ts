import { expect, test } from 'vitest';
import type { Family } from '../compiler/invocation.ts';
import { parseCommandLine } from '../compiler/parse-command-line.ts';
import { redirectOutputs } from './verify-command.ts';

function redirected(line: string, family: Family = 'gcc'): string | undefined {
  const args = line.split(' ');
  const meaning = parseCommandLine({ family, mode: 'c', args });
  if (meaning.kind !== 'compile') throw new Error(`no compile: ${line}`);
  const found = redirectOutputs(meaning, args, '/t');
  if (found !== undefined) expect(found.outputs.map(({ role }) => role)).toEqual(meaning.outputs.map((o) => o.role));
  return found?.args.join(' ');
}

test.each([
  ['-c a.c', '-o /t/out.o -c a.c'],
  ['-O2 -c a.c -o d/a.o', '-O2 -c a.c -o /t/out.o'],
  ['-c -od/a.o a.c', '-c -o/t/out.o a.c'],
  ['-S a.c -o a.s', '-S a.c -o /t/out.o'],
  ['-MD -c a.c -o d/a.o', '-MF /t/out.d -MQ d/a.o -MD -c a.c -o /t/out.o'],
  ['-MMD -MF a.d -MT x -c a.c -o a.o', '-MMD -MF /t/out.d -MT x -c a.c -o /t/out.o'],
  ['-MMD -MFa.d -MQx -c a.c -o a.o', '-MMD -MF/t/out.d -MQx -c a.c -o /t/out.o'],
  ['-MD -c a.c', '-MF /t/out.d -o /t/out.o -MQ a.o -MD -c a.c'],
  ['-fstack-usage -c a.c -o a.o', '-fstack-usage -c a.c -o /t/out.o'],
])('%s', (line, expected) => expect(redirected(line)).toBe(expected));

test.each([
  '-g -gsplit-dwarf -c a.c -o a.o',
  '--coverage -c a.c -o a.o',
  '-flto -c a.c -o a.o',
  '-frecord-gcc-switches -c a.c -o a.o',
  '-Wp,-MD,a.d -c a.c -o a.o',
])('%s is left alone', (line) => expect(redirected(line)).toBeUndefined());

test('clang that records its command line is left alone', () =>
  expect(redirected('-grecord-command-line -g -c a.c -o a.o', 'clang')).toBeUndefined());
