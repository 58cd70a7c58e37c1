import { expect, test } from 'vitest';
import type { BlobStore } from '../cas/blob-store.ts';
import { openMemoryBlobStore } from '../cas/memory-blob-store.ts';
import { compareWithPlain, type Delivered, type Mismatch, sameRuns } from './verify-compare.ts';
import type { PlainRun } from './verify-run.ts';

const run = (object: string, more: Partial<PlainRun> = {}): PlainRun => ({
  status: 0,
  stderr: '',
  outputs: new Map([['object', Buffer.from(object)]]),
  ...more,
});

async function delivered(blobs: BlobStore, object: string, more: Partial<Delivered> = {}): Promise<Delivered> {
  const stored = await blobs.put(Buffer.from(object));
  if (stored.kind !== 'stored') throw new Error('memory is full');
  const outputs = [{ role: 'object', ref: stored.ref }] as const;
  return { outputs, stderr: { kind: 'inline', text: '' }, colour: 'plain', storedAt: 0, ...more };
}

async function compared(
  object: string,
  plain: PlainRun,
  more: Partial<Delivered> = {},
): Promise<readonly Mismatch[] | undefined> {
  const blobs = await openMemoryBlobStore();
  return compareWithPlain(await delivered(blobs, object, more), ['object', 'su'], plain, blobs);
}

const said = (text: string): Partial<Delivered> => ({ stderr: { kind: 'inline', text } });

test('the first byte that differs, also where one ends earlier', async () => {
  expect(await compared('abcdef', run('abcdef'))).toEqual([]);
  expect(await compared('abcdef', run('abcxef'))).toMatchObject([{ output: 'object', offset: 3 }]);
  expect(await compared('abcdef', run('abcd'))).toMatchObject([{ output: 'object', offset: 4 }]);
});

test('an output too many or too few', async () => {
  expect(await compared('a', run('a', { outputs: new Map() }))).toMatchObject([{ output: 'object', plain: '' }]);
  const more = run('a');
  const outputs = new Map([...more.outputs, ['su', Buffer.from('s')] as const]);
  expect(await compared('a', { ...more, outputs })).toMatchObject([{ output: 'su', delivered: '', offset: 0 }]);
});

test('diagnostics are compared without colours of ours and without names drawn at random', async () => {
  const assembler = (name: string): string => `/tmp/${name}.s: Assembler messages:\n/tmp/${name}.s:2: Warning: value\n`;
  expect(await compared('a', run('a', { stderr: assembler('ccUvWx12') }), said(assembler('ccAbCd34')))).toEqual([]);
  const coloured = { ...said('\x1b[35m\x1b[Kwarning:\x1b[m\x1b[K x'), colour: 'coloured' } as const;
  expect(await compared('a', run('a', { stderr: 'warning: x' }), coloured)).toEqual([]);
  expect(await compared('a', run('a', { stderr: 'warning: y' }), coloured)).toMatchObject([
    { output: 'stderr', offset: 9 },
  ]);
});

test('a compile that fails is a mismatch, but not where this machine is to blame', async () => {
  const failed = (stderr: string): PlainRun => run('', { status: 1, stderr });
  expect(await compared('a', failed("a.c:1: error: 'x' undeclared"))).toMatchObject([
    { output: 'exit code', delivered: '0', plain: '1' },
  ]);
  for (const why of [
    'fatal error: /tmp/x: No space left on device',
    'fatal error: Killed signal terminated program cc1',
  ])
    expect(await compared('a', failed(why))).toBeUndefined();
});

test('nothing is said where what was delivered is gone', async () => {
  const blobs = await openMemoryBlobStore();
  const was = await delivered(blobs, 'a');
  for (const { ref } of was.outputs) blobs.drop(ref.digest);
  expect(await compareWithPlain(was, ['object'], run('b'), blobs)).toBeUndefined();
});

test('two runs that differ in anything are not the same', () => {
  expect(sameRuns(run('a'), run('a'))).toBe(true);
  expect(sameRuns(run('a'), run('b'))).toBe(false);
  expect(sameRuns(run('a'), run('a', { status: 1 }))).toBe(false);
  expect(sameRuns(run('a'), run('a', { stderr: 'x' }))).toBe(false);
  expect(sameRuns(run('a'), run('a', { outputs: new Map() }))).toBe(false);
});
