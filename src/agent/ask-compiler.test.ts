import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import { askCompiler } from './ask-compiler.ts';

test('arguments, directory and variables arrive byte for byte, UTF-8 or not', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hg-ask-'));
  for (const name of ['plain', '\xfc\xff no utf8', fromBytes(Buffer.from('grün', 'utf8')), "quo'te\n"]) {
    const cwd = `${dir}/${name}`;
    mkdirSync(fsPath(cwd));
    const env = new Map([
      ['PATH', '/usr/bin:/bin'],
      ['X', `${name}\n`],
    ]);
    const says = await askCompiler('/bin/sh', ['-c', 'pwd; printf "%s|" "$X" "$@"', 'sh', name, ''], { cwd, env });
    expect(says).toEqual({ ok: true, stdout: `${cwd}\n${name}\n|${name}||`, stderr: '' });
  }
  rmSync(dir, { recursive: true });
});

test('a program that is not there has no answer; one that fails has', async () => {
  const at = { cwd: '/', env: new Map() };
  expect(await askCompiler('/no/such/gcc', ['-v'], at)).toBeUndefined();
  expect(await askCompiler('/bin/sh', ['-c', 'echo x >&2; exit 3'], at)).toEqual({
    ok: false,
    stdout: '',
    stderr: 'x\n',
  });
});
