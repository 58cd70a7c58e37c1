import fc from 'fast-check';
import { sha256 } from '../../base/digest.ts';
import type { NewEntry } from '../manifest.ts';

/** Few names, so that entries share and repeat them; some with bytes that JSON and paths find hard. */
const path = fc.constantFrom(
  '/a.c',
  '/a.h',
  '/dir/b.h',
  '/d "q"\n/\xe9\xff.h',
  '/usr/include/c.h',
  '/\x00\x01\x7f\x80',
);
const digest = fc.nat(5).map((seed) => sha256(String(seed)));
const ref = fc.record({
  digest,
  size: fc.nat(1 << 30),
  checksum: fc.constantFrom('0123456789abcdef', '0000000000000000'),
});
const text = fc.constantFrom('', 'x.c:1:1: \xe2\x80\x98warning\xe2\x80\x99\n', '\x1b[31mred\x1b[0m');

/** Entries as a compile might give, for property tests. */
export const newEntries: fc.Arbitrary<NewEntry> = fc.record(
  {
    inputs: fc.array(fc.record({ path, digest, flags: fc.nat(255) }), { minLength: 1, maxLength: 6 }),
    present: fc.uniqueArray(path, { maxLength: 3 }),
    absent: fc.uniqueArray(
      fc.record({
        dir: path,
        names: fc.uniqueArray(fc.constantFrom('x.h', 'x.h.gch', 'sub/y.h', '\xe9'), { minLength: 1 }),
      }),
      { maxLength: 3, selector: (group) => group.dir },
    ),
    outputs: fc.array(fc.record({ role: fc.constantFrom('object', 'depfile', 'dwo'), ref }), { maxLength: 3 }),
    stderr: fc.oneof(
      text.map((value) => ({ kind: 'inline', text: value }) as const),
      ref.map((value) => ({ kind: 'blob', ref: value }) as const),
    ),
    colour: fc.constantFrom('plain', 'coloured'),
    compileMs: fc.nat(100_000),
    cpuMs: fc.nat(100_000),
    storedAt: fc.nat(),
    pp: digest,
    madeBy: fc.record({ action: digest, worker: fc.constantFrom('', 'w1') }),
  },
  {
    requiredKeys: ['inputs', 'present', 'absent', 'outputs', 'stderr', 'colour', 'compileMs', 'cpuMs', 'storedAt'],
  },
);
