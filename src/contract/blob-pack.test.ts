import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { listDigests, PACK_LIMIT, packBlobs, packsOf, readDigests, unpackBlobs } from './blob-pack.ts';

const blobs = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });

test('what is packed comes out again', () =>
  fc.assert(
    fc.asyncProperty(blobs, async (contents) => {
      const packed = contents.map((data) => ({ digest: sha256(data), data }));
      const unpacked = await unpackBlobs(await packBlobs(packed));
      expect(unpacked?.map(({ digest, data }) => ({ digest, data: new Uint8Array(data) }))).toEqual(packed);
    }),
  ));

test('no bytes are a reason to fail', () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      expect(await unpackBlobs(bytes)).toBeUndefined();
      const unpacked = await unpackBlobs(zstdCompressSync(bytes));
      expect(unpacked === undefined || unpacked.every(({ data }) => data.length <= bytes.length)).toBe(true);
    }),
  ));

test('a few bytes that would grow without end are no pack', async () => {
  expect(await unpackBlobs(zstdCompressSync(Buffer.alloc(4 * PACK_LIMIT)))).toBeUndefined();
});

test('lists of digests', () => {
  const digests = ['a', 'b'].map((text) => sha256(Buffer.from(text)));
  expect(readDigests(listDigests(digests))).toEqual(digests);
  expect(readDigests(Buffer.alloc(31))).toBeUndefined();
  expect(readDigests(Buffer.alloc(32 * 10_000))).toBeUndefined();
});

test('packs are filled in order and never above their size', () => {
  const half = PACK_LIMIT / 2;
  expect(packsOf([half, half, 1, PACK_LIMIT, half], (size) => size)).toEqual([[half, half], [1], [PACK_LIMIT], [half]]);
});
