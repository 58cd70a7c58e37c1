import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { fileStates } from './file-state.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hg-file-state-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const SECOND = 1_000_000_000n;
/** A clock that stands `seconds` after the last change of `path`. */
function clockAfter(path: string, seconds: bigint): () => bigint {
  return () => statSync(path, { bigint: true }).ctimeNs + seconds * SECOND;
}

test('a digest of an old file is remembered and is that of its bytes', () => {
  const path = join(dir, 'a.h');
  writeFileSync(path, 'int a;\n');
  const states = fileStates(clockAfter(path, 10n));
  const first = states.digestOf(path);
  expect(first).toMatchObject({ digest: sha256('int a;\n'), settled: true });
  expect(states.digestOf(path)).toBe(first);
});

test('a file as large as a compiler has the digest of its bytes, and is not scanned', () => {
  const path = join(dir, 'cc1plus');
  const bytes = Buffer.alloc((16 << 20) + 12_345, '#include "a.h"\n');
  writeFileSync(path, bytes);
  const states = fileStates(clockAfter(path, 10n));
  expect(states.digestOf(path)).toMatchObject({ digest: sha256(bytes), settled: true });
  expect(states.scanOf(path)).toBeUndefined();
});

test('a file changed a moment ago is read again each time, even under an unchanged stamp', () => {
  const path = join(dir, 'a.h');
  writeFileSync(path, 'int a;\n');
  const states = fileStates(clockAfter(path, 1n));
  const first = states.digestOf(path);
  expect(first?.settled).toBe(false);
  // Not the same object: it was hashed anew, so a change within one tick of a coarse clock would be seen.
  expect(states.digestOf(path)).not.toBe(first);
});

test('a stamp in the future proves nothing', () => {
  const path = join(dir, 'a.h');
  writeFileSync(path, 'int a;\n');
  utimesSync(path, 4_000_000_000, 4_000_000_000);
  const states = fileStates(clockAfter(path, 100n));
  expect(states.digestOf(path)?.settled).toBe(false);
});

test('same size and old mtime restored: the change is still seen', () => {
  const path = join(dir, 'a.h');
  writeFileSync(path, 'int a;\n');
  utimesSync(path, 1_000_000, 1_000_000);
  const states = fileStates(clockAfter(path, 10n));
  const before = states.digestOf(path);
  writeFileSync(path, 'int b;\n');
  utimesSync(path, 1_000_000, 1_000_000);
  expect(states.digestOf(path)?.digest).not.toBe(before?.digest);
});

test('a directory listing follows what appears and goes', () => {
  mkdirSync(join(dir, 'include'));
  const states = fileStates(() => BigInt(Date.now()) * 1_000_000n + 10n * SECOND);
  expect([...(states.listingOf(join(dir, 'include'))?.names ?? [])]).toEqual([]);
  writeFileSync(join(dir, 'include', 'new.h'), '');
  expect([...(states.listingOf(join(dir, 'include'))?.names ?? [])]).toEqual(['new.h']);
});

test('what is no regular file has no digest, and a pipe is not even opened', () => {
  const states = fileStates(() => BigInt(Date.now()) * 1_000_000n);
  expect(states.digestOf(dir)).toBeUndefined();
  expect(states.digestOf('/dev/zero')).toBeUndefined();
  expect(states.digestOf(join(dir, 'absent'))).toBeUndefined();
  expect(states.stampOf(join(dir, 'absent'))).toBeUndefined();
});
