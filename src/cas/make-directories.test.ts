import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeDirectories } from './make-directories.ts';

test('makes all that is missing, and nothing where all is there', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hg-mkdir-'));
  makeDirectories(join(dir, 'a/b/c'), 0o700);
  expect(statSync(join(dir, 'a/b/c')).mode & 0o777).toBe(0o700);
  makeDirectories(join(dir, 'a/b/c'), 0o700);
  rmSync(dir, { recursive: true });
});

test('a file system that answers ENOENT below an existing directory is given up, not tried for ever', () => {
  expect(() => makeDirectories('/proc/no/such/directory')).toThrow(/ENOENT/);
});
