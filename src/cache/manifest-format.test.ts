import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBytes } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import { addEntry, emptyManifest, type Manifest, type NewEntry } from './manifest.ts';
import { decodeManifest, encodeManifest, isOtherVersion } from './manifest-format.ts';
import { newEntries } from './testing/new-entries.ts';

const key = sha256('key');
const empty = emptyManifest(key, [
  { tag: 'toolchain', value: sha256('gcc') },
  { tag: 'option', value: '-DX="\xe9\n"' },
]);

const manifests = fc.array(newEntries, { maxLength: 5 }).map((entries) => entries.reduce(addEntry, empty));

const sample = fc.sample(newEntries, { seed: 7, numRuns: 3 }).reduce(addEntry, empty);

const encoded = (manifest: Manifest): string => fromBytes(encodeManifest(manifest));

/** A file with this body and a right checksum. */
function fileOf(body: unknown): string {
  const text = `${typeof body === 'string' ? body : JSON.stringify(body)}\n`;
  return `{"hybridgrid":"manifest","v":1,"sha256":"${sha256(text)}"}\n${text}`;
}

function bodyOf(manifest: Manifest): Record<string, unknown> {
  return JSON.parse(encoded(manifest).split('\n')[1] as string);
}

describe('a manifest file', () => {
  test('gives back the manifest', () => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        expect(decodeManifest(encoded(manifest))).toEqual(manifest);
      }),
    );
  });

  test('holds a byte string and nothing else', () => {
    fc.assert(
      fc.property(manifests, (manifest) => {
        expect(encoded(manifest)).toMatch(/^[\x00-\xff]*$/);
      }),
    );
    const unicode = emptyManifest(key, [{ tag: 'option', value: '\u20ac' }]);
    expect(() => encoded(unicode)).toThrow(RangeError);
  });

  test('cut anywhere, or with any bit flipped, is none', () => {
    const text = encoded(sample);
    for (let length = 0; length < text.length; length += 1)
      expect(decodeManifest(text.slice(0, length))).toBeUndefined();
    for (let at = 0; at < text.length; at += 1) {
      const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << (at % 8)));
      expect(decodeManifest(text.slice(0, at) + flipped + text.slice(at + 1))).toBeUndefined();
    }
    expect(decodeManifest(`${text}x`)).toBeUndefined();
  });

  test('of another version is no damage', () => {
    const later = encoded(sample).replace('"v":1,', '"v":2,');
    expect(decodeManifest(later)).toBeUndefined();
    expect(isOtherVersion(later)).toBe(true);
    expect(isOtherVersion(encoded(sample))).toBe(false);
    expect(isOtherVersion('garbage')).toBe(false);
  });

  test('with a right checksum and a wrong body never throws', () => {
    fc.assert(
      fc.property(fc.json(), (body) => {
        expect(decodeManifest(fileOf(body))).toBeUndefined();
      }),
    );
    expect(decodeManifest(fileOf('{'))).toBeUndefined();
  });

  test('with any value replaced by any other decodes to something whole or to nothing', () => {
    const body = bodyOf(sample);
    const values = fc.oneof(fc.jsonValue(), fc.constantFrom(-1, 1e9, 0.5, null, [0], [[0, 1]], 'x', [0, 1, 2, 1e8]));
    fc.assert(
      fc.property(fc.constantFrom(...placesIn(body)), values, (place, value) => {
        const decoded = decodeManifest(fileOf(replaced(body, place, value)));
        // Whatever was accepted can be written and read again: no index points beside a table.
        if (decoded) expect(decodeManifest(encoded(decoded))).toEqual(decoded);
      }),
      { numRuns: 3000 },
    );
  });

  test('skips the entries it does not understand', () => {
    const body = bodyOf(sample);
    const entries = body.entries as object[];
    const unknown = [
      { ...entries[0], f: 2 },
      { ...entries[0], inputs: [] },
      { ...entries[0], colour: 'sepia' },
      { ...entries[0], outputs: [['hologram', sha256('x'), 1, '0'.repeat(16)]] },
    ];
    const decoded = decodeManifest(fileOf({ ...body, entries: [...unknown, ...entries] }));
    expect(decoded?.entries).toEqual(sample.entries);
  });

  test('of an unknown field or tag is read', () => {
    const body = bodyOf(sample);
    expect(decodeManifest(fileOf({ ...body, later: 1 }))).toEqual(sample);
    const fields = decodeManifest(fileOf({ ...body, fields: [['novelty', 'x']] }))?.fields;
    expect(fields).toEqual([{ tag: 'other', value: 'x' }]);
  });

  test('of 64 entries with 272 inputs and 1,450 absent names is small and decoded at once', () => {
    const text = encoded(big());
    expect(text.length).toBeLessThan(100_000);
    const times = Array.from({ length: 60 }, () => {
      const start = performance.now();
      decodeManifest(text);
      return performance.now() - start;
    }).sort((a, b) => a - b);
    // Measured 0.30 ms (one entry: 0.13 ms); the bar leaves room for a busy machine.
    expect(times[30]).toBeLessThan(3);
  });
});

function big(): Manifest {
  const names = Array.from({ length: 272 }, (_, at) => `bits/some_header_number_${at}.h`);
  const dirs = ['/work/src', '/work/include', '/usr/include/c++/12', '/usr/include', '/usr/lib/gcc/include'];
  let manifest = empty;
  for (let edit = 0; edit < 64; edit += 1) {
    const inputs = names.map((name, at) => ({
      path: `/usr/include/c++/12/${name}`,
      digest: sha256(at === edit * 3 ? `${name}${edit}` : name),
      flags: 0,
    }));
    const entry: NewEntry = {
      ...(fc.sample(newEntries, { seed: 1, numRuns: 1 })[0] as NewEntry),
      inputs,
      absent: dirs.map((dir) => ({ dir, names: [...names, ...Array.from({ length: 18 }, (_, at) => `${at}.gch`)] })),
    };
    manifest = addEntry(manifest, entry);
  }
  return manifest;
}

type Place = readonly (string | number)[];

function placesIn(value: unknown, place: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [place];
  return [place, ...Object.entries(value).flatMap(([name, inner]) => placesIn(inner, [...place, name]))];
}

function replaced(value: unknown, place: Place, by: unknown): unknown {
  const [name, ...rest] = place;
  if (name === undefined) return by;
  if (Array.isArray(value)) return value.with(Number(name), replaced(value[Number(name)], rest, by));
  return { ...(value as object), [name]: replaced((value as Record<string, unknown>)[name], rest, by) };
}
