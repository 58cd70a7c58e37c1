import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBytes, parseBytes, writeBytes } from './bytes.ts';

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['512B', 512],
    ['1k', 1000],
    ['1Ki', 1024],
    ['500 MB', 500_000_000],
    ['10G', 10 ** 10],
    ['10GiB', 10 * 1024 ** 3],
    ['1.5gib', 1.5 * 1024 ** 3],
  ])('%s', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  test.each(['', '10', 'G', '-1G', '10X', '10GiBi', '99999999P', 'unlimited'])('"%s" is none', (text) =>
    expect(parseBytes(text)).toBeUndefined(),
  );

  test('what is written is read back', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseBytes(writeBytes(bytes)) === bytes));
    expect(writeBytes(10 * 1024 ** 3)).toBe('10GiB');
  });

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1024, '1 KiB'],
    [14_900_000, '14.2 MiB'],
    [1.25 * 1024 ** 3, '1.25 GiB'],
    [Number.POSITIVE_INFINITY, 'unlimited'],
  ])('%d for a person', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
