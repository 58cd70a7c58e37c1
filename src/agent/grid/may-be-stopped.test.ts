import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Output } from '../../compiler/invocation.ts';
import { isReplaceable } from './may-be-stopped.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hg-stop-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const ROLES: readonly Output['role'][] = ['object', 'depfile', 'assembly', 'su'];

test('new outputs, objects with something in them, and depfiles may be replaced; links and what is written in place may not', () => {
  const at = (name: string): string => join(directory, name);
  const seen = (name: string): readonly boolean[] => ROLES.map((role) => isReplaceable(at(name), role));
  expect(seen('new')).toEqual([true, true, true, true]);
  writeFileSync(at('old'), 'x');
  expect(seen('old')).toEqual([true, true, false, false]);
  writeFileSync(at('empty'), '');
  expect(seen('empty')).toEqual([false, true, false, false]);
  symlinkSync('old', at('link'));
  expect(seen('link')).toEqual([false, false, false, false]);
  expect(seen('.')).toEqual([false, false, false, false]);
});
