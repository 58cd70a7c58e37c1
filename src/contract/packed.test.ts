import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { OutputFile } from './generated/hybridgrid/v1/build.ts';
import { listsOf, outputContent, packLists, packOutput } from './packed.ts';

function output(data: Buffer): OutputFile {
  const said = { role: 'object', digest: Buffer.alloc(32), size: BigInt(data.length), present: true };
  return { ...said, data, packed: false };
}

test('a content that is worth it is packed, once, and comes out as it was', () => {
  const large = output(Buffer.alloc(60_000, 'x'));
  const packed = packOutput(large);
  expect(packed.data.length).toBeLessThan(1000);
  expect(packOutput(packed)).toBe(packed);
  expect(outputContent(packed)).toEqual(large.data);
  const small = output(Buffer.from('small'));
  expect(packOutput(small)).toBe(small);
  expect(outputContent(small)).toEqual(small.data);
});

test('what is damaged, or of another length than it says, is no content', () => {
  const packed = packOutput(output(Buffer.alloc(60_000, 'x')));
  expect(outputContent({ ...packed, data: packed.data.subarray(0, -3) })).toBe(undefined);
  expect(outputContent({ ...packed, size: 59_999n })).toBe(undefined);
  expect(outputContent({ ...packed, size: 60_001n })).toBe(undefined);
  expect(outputContent({ ...output(Buffer.from('small')), size: 6n })).toBe(undefined);
  const bomb = zstdCompressSync(Buffer.alloc(100 << 20));
  expect(outputContent({ ...packed, data: bomb, size: BigInt(100 << 20) })).toBe(undefined);
});

test('lists', () => {
  const lists = [Buffer.from('a.o: a.c a.h\n'), Buffer.alloc(0)];
  const packed = packLists(lists) as Parameters<typeof listsOf>[0];
  expect(listsOf(packed)?.map(String)).toEqual(lists.map(String));
  expect(listsOf({ ...packed, lists: [Buffer.from('no zstd')] })).toBe(undefined);
  expect(listsOf({ ...packed, lists, listsPacked: false })).toEqual(lists);
});
