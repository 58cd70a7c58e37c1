import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffFingerprints, FIELD_TAGS, type Field, type FieldTag, fingerprint } from './fingerprint.ts';

const byteString = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(32, 10, 48, 49, 50, 97) }, fc.nat(255)), { maxLength: 6 })
  .map((codes) => String.fromCharCode(...codes));
const field: fc.Arbitrary<Field> = fc.record({
  tag: fc.constantFrom(...(Object.keys(FIELD_TAGS) as FieldTag[])),
  // Values that look like the delimiters are the interesting ones.
  value: fc.oneof(byteString, fc.constantFrom('1', 'a 1\n', '\noption 1\na\n', 'env 0\n\n')),
});
const fields = fc.array(field, { maxLength: 8 });

/** Two lists that are equal in most places. */
const neighbours = fc
  .tuple(fields, fc.array(fc.tuple(fc.nat(8), fc.nat(1), fc.array(field, { maxLength: 2 })), { maxLength: 2 }))
  .map(([list, edits]): [Field[], Field[]] => {
    const edited = [...list];
    for (const [at, gone, come] of edits) edited.splice(Math.min(at, edited.length), gone, ...come);
    return [list, edited];
  });

function option(...values: string[]): Field[] {
  return values.map((value) => ({ tag: 'option', value }));
}

describe('fingerprint', () => {
  test('two lists share a digest only if they are equal', () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(fields, fields), neighbours), ([before, after]) => {
        expect(fingerprint(before) === fingerprint(after)).toBe(JSON.stringify(before) === JSON.stringify(after));
      }),
      { numRuns: 2000 },
    );
  });

  test('a value cannot pass for the next field', () => {
    expect(fingerprint(option('a\noption 1\nb'))).not.toBe(fingerprint(option('a', 'b')));
    expect(fingerprint(option('ab', 'c'))).not.toBe(fingerprint(option('a', 'bc')));
    expect(fingerprint(option(''))).not.toBe(fingerprint([]));
  });

  test('is the same tomorrow', () => {
    // By sha256sum over the documented text: another value would forget every cached result.
    const list: Field[] = [{ tag: 'toolchain', value: 'x' }, ...option('-O2', '-g')];
    expect(fingerprint(list)).toBe('9c7aa0b5aee278b3ef34e18098e3b57796d87a8c1f985281fe0aeabbb4f685f8');
  });

  test('what is not bytes is a bug', () => {
    expect(() => fingerprint(option('-DX=\u20ac'))).toThrow(RangeError);
  });
});

describe('differences', () => {
  test('there are some exactly when the digests differ', () => {
    fc.assert(
      fc.property(fc.oneof(fc.tuple(fields, fields), neighbours), ([before, after]) => {
        const none = diffFingerprints(before, after).length === 0;
        expect(none).toBe(fingerprint(before) === fingerprint(after));
      }),
      { numRuns: 2000 },
    );
  });

  test('an option replaced, added and removed', () => {
    expect(diffFingerprints(option('-c', '-O2', '-g'), option('-c', '-O3', '-g', '-DX'))).toEqual([
      { what: 'option', name: '-O2', before: '-O2', now: '-O3' },
      { what: 'option', name: '-DX', before: '', now: '-DX' },
    ]);
    expect(diffFingerprints(option('-a', '-b', '-c'), option('-a', '-c'))).toEqual([
      { what: 'option', name: '-b', before: '-b', now: '' },
    ]);
  });

  test('options in another order', () => {
    expect(diffFingerprints(option('-Ia', '-Ib'), option('-Ib', '-Ia'))).toEqual([
      { what: 'option', name: '-Ia', before: '-Ia', now: '' },
      { what: 'option', name: '-Ia', before: '', now: '-Ia' },
    ]);
  });

  test('an environment variable, a compiler, a directory', () => {
    const before: Field[] = [
      { tag: 'toolchain', value: '1' },
      { tag: 'env', value: 'LANG=C' },
      { tag: 'env', value: 'CPATH=/a' },
      { tag: 'cwd', value: '/x' },
    ];
    const after: Field[] = [
      { tag: 'toolchain', value: '2' },
      { tag: 'env', value: 'CPATH=/a=b' },
      { tag: 'env', value: 'TZ=' },
      { tag: 'cwd', value: '/y' },
    ];
    expect(diffFingerprints(before, after)).toEqual([
      { what: 'compiler', name: 'compiler identity', before: '1', now: '2' },
      { what: 'environment', name: 'LANG', before: 'C', now: '' },
      { what: 'environment', name: 'CPATH', before: '/a', now: '/a=b' },
      { what: 'environment', name: 'TZ', before: '', now: '' },
      { what: 'directory', name: 'working directory', before: '/x', now: '/y' },
    ]);
  });

  test('fields that only changed places', () => {
    const a: Field = { tag: 'source', value: 'a.c' };
    const b: Field = { tag: 'language', value: 'c' };
    expect(diffFingerprints([a, b], [b, a])).toMatchObject([{ what: 'other', name: 'order of fields' }]);
  });

  test('ten thousand options against ten thousand others do not take forever', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => `-D${at}`);
    expect(diffFingerprints(option(...many), option(...many.toReversed()))).toHaveLength(10_000);
  });
});
