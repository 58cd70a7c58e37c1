import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import {
  absentOf,
  addEntry,
  blobsOf,
  type Entry,
  emptyManifest,
  fitsManifest,
  inputsOf,
  keepEntries,
  MAX_ENTRIES,
  MAX_INPUTS,
  type Manifest,
  type NewEntry,
  presentOf,
  withResult,
} from './manifest.ts';
import { newEntries } from './testing/new-entries.ts';

const key = sha256('key');
const empty = emptyManifest(key, [{ tag: 'option', value: '-O2' }]);

function entry(changes: Partial<NewEntry> = {}): NewEntry {
  return {
    inputs: [{ path: '/a.c', digest: sha256('a'), flags: 0 }],
    present: [],
    absent: [],
    outputs: [{ role: 'object', ref: { digest: sha256('o'), size: 1, checksum: '0'.repeat(16) } }],
    stderr: { kind: 'inline', text: '' },
    colour: 'plain',
    compileMs: 1,
    cpuMs: 1,
    storedAt: 1,
    ...changes,
  };
}

/** An entry as it was given, read back out of the tables. */
function asGiven(manifest: Manifest, filed: Entry): NewEntry {
  return {
    ...filed,
    inputs: inputsOf(manifest, filed),
    present: presentOf(manifest, filed),
    absent: absentOf(manifest, filed),
  };
}

function conditionsOf(given: NewEntry): string {
  return JSON.stringify([given.inputs, given.present, given.absent]);
}

describe('a manifest', () => {
  test('gives back what was added, newest first, one entry per set of conditions', () => {
    fc.assert(
      fc.property(fc.array(newEntries, { maxLength: 12 }), (given) => {
        const manifest = given.reduce(addEntry, empty);
        const seen = new Set<string>();
        const expected = given.toReversed().filter((one) => {
          const conditions = conditionsOf(one);
          return !seen.has(conditions) && seen.add(conditions);
        });
        expect(manifest.entries.map((filed) => asGiven(manifest, filed))).toEqual(expected);
      }),
    );
  });

  test('keeps nothing in its tables that no entry needs, whatever is taken out', () => {
    fc.assert(
      fc.property(fc.array(newEntries, { minLength: 1, maxLength: 8 }), fc.nat(), (given, seed) => {
        const full = given.reduce(addEntry, empty);
        const gone = full.entries[seed % full.entries.length] as Entry;
        const left = keepEntries(full, (filed) => filed !== gone);
        const expected = full.entries.filter((filed) => filed !== gone).map((filed) => asGiven(full, filed));
        expect(left.entries.map((filed) => asGiven(left, filed))).toEqual(expected);
        const infos = new Set(expected.flatMap((one) => one.inputs.map((input) => JSON.stringify(input))));
        const paths = new Set(
          expected.flatMap((one) => [
            ...one.inputs.map((input) => input.path),
            ...one.present,
            ...one.absent.map((group) => group.dir),
          ]),
        );
        const absences = new Set(
          expected.flatMap((one) => one.absent.flatMap(({ dir, names }) => names.map((name) => `${dir}/${name}`))),
        );
        const names = new Set(expected.flatMap((one) => one.absent.flatMap((group) => group.names)));
        expect([
          left.infos.digests.length,
          left.paths.length,
          left.absences.dirs.length,
          left.absences.names.length,
        ]).toEqual([infos.size, paths.size, absences.size, names.size]);
      }),
    );
  });

  test(`holds ${MAX_ENTRIES} entries, the newest`, () => {
    let manifest = empty;
    for (let at = 0; at < MAX_ENTRIES + 6; at += 1) {
      manifest = addEntry(
        manifest,
        entry({ inputs: [{ path: '/a.c', digest: sha256(`${at}`), flags: 0 }], storedAt: at }),
      );
    }
    expect(manifest.entries.map((filed) => filed.storedAt)).toEqual(
      Array.from({ length: MAX_ENTRIES }, (_, at) => MAX_ENTRIES + 5 - at),
    );
    expect(manifest.infos.digests).toHaveLength(MAX_ENTRIES);
  });

  test('drops its oldest entries before its tables grow without end', () => {
    const inputs = (seed: number) =>
      Array.from({ length: MAX_INPUTS }, (_, at) => ({ path: `/${at}.h`, digest: sha256(`${seed}`), flags: 0 }));
    let manifest = empty;
    for (let at = 0; at < 5; at += 1) manifest = addEntry(manifest, entry({ inputs: inputs(at), storedAt: at }));
    expect(manifest.entries.map((filed) => filed.storedAt)).toEqual([4, 3, 2]);
    expect(manifest.paths).toHaveLength(MAX_INPUTS);
  });

  test('refuses an entry that reads too much', () => {
    const inputs = Array.from({ length: MAX_INPUTS + 1 }, (_, at) => ({ path: `/${at}`, digest: key, flags: 0 }));
    expect(fitsManifest(entry())).toBe(true);
    expect(fitsManifest(entry({ inputs }))).toBe(false);
    expect(() => addEntry(empty, entry({ inputs }))).toThrow(RangeError);
    const flagged = { path: '/a.c', digest: key, flags: 256 };
    expect(() => addEntry(empty, entry({ inputs: [flagged] }))).toThrow(RangeError);
  });

  test('shares everything between an entry and its successor after one edit', () => {
    const inputs = Array.from({ length: 272 }, (_, at) => ({ path: `/${at}.h`, digest: sha256('1'), flags: 0 }));
    const edited = inputs.with(5, { path: '/5.h', digest: sha256('2'), flags: 0 });
    const manifest = [entry({ inputs }), entry({ inputs: edited })].reduce(addEntry, empty);
    expect(manifest.entries.map((filed) => filed.inputs)).toEqual([
      [0, 5, 272, 1, 6, 266],
      [0, 272],
    ]);
    expect(manifest.paths).toHaveLength(272);
  });

  test('takes a later result and names its blobs', () => {
    const manifest = addEntry(empty, entry());
    const filed = manifest.entries[0] as Entry;
    const pp = sha256('text');
    expect(withResult(manifest, filed, { pp }).entries[0]?.pp).toBe(pp);
    const ref = { digest: sha256('e'), size: 9, checksum: '1'.repeat(16) };
    expect(blobsOf({ ...filed, stderr: { kind: 'blob', ref } }).map((blob) => blob.digest)).toEqual([
      sha256('o'),
      sha256('e'),
    ]);
  });
});
