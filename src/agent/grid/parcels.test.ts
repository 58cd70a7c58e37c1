import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../test/bed/random.ts';
import type { InputFields } from '../../contract/encode-spec.ts';
import { takeSight } from '../file-snapshot.ts';
import { fileStates } from '../file-state.ts';
import { inputParcels, type Parcel, type ParcelMemory } from './parcels.ts';

const SEED = Number(process.env.HG_SEED ?? 1);
const STEPS = 150 * Number(process.env.HG_FUZZ ?? 1);

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'hg-parcels-')));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** An hour from now: every file is old enough for its stamp to prove its content. */
const later = () => BigInt(Date.now() + 3_600_000) * 1_000_000n;

const DIRECTORIES = ['a', 'b', 'b/c', 'link', 'link/c'];
const NAMES = ['x.h', 'y.h', 'z.h'];
const PATHS = DIRECTORIES.flatMap((directory) => NAMES.map((name) => `${directory}/${name}`));

function lay(): void {
  for (const directory of ['a', 'b', 'b/c', 'd', 'd/c']) {
    mkdirSync(join(dir, directory), { recursive: true });
    for (const name of NAMES) writeFileSync(join(dir, directory, name), `${directory}/${name}\n`);
  }
  symlinkSync('b', join(dir, 'link'));
}

/** All that may happen to files between two compiles. */
function change(random: Random, step: number): void {
  const one = join(dir, PATHS[random.below(PATHS.length)] as string);
  const other = join(dir, PATHS[random.below(PATHS.length)] as string);
  const ways = [
    // A size of its own: two changes within one tick of the clock could have equal stamps.
    () => writeFileSync(one, '.'.repeat(step)),
    () => rmSync(one, { force: true }),
    () => {
      rmSync(one, { force: true });
      linkSync(other, one);
    },
    () => {
      rmSync(one, { force: true });
      symlinkSync(other, one);
    },
    () => renameSync(one, other),
    () => utimesSync(one, 1, step),
    () => {
      rmSync(join(dir, 'link'));
      symlinkSync(['b', 'd', join(dir, 'd'), 'a'][random.below(4)] as string, join(dir, 'link'));
    },
    () => {
      renameSync(join(dir, 'b'), join(dir, 'was'));
      renameSync(join(dir, 'd'), join(dir, 'b'));
      renameSync(join(dir, 'was'), join(dir, 'd'));
    },
    () => writeFileSync(join(dir, 'b', `object${step}.o`), ''),
  ];
  try {
    ways[random.below(ways.length)]?.();
  } catch {
    // What is not there cannot be linked.
  }
}

/** All of a parcel, without the numbers by which its nodes are ordered. */
function told(parcel: Parcel<InputFields> | undefined) {
  return parcel && { ...parcel, nodes: parcel.nodes.map(({ at }) => at.path), files: parcel.files.length };
}

test(`a parcel from memory is the one that is put together anew (HG_SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  const files = fileStates(later);
  const memory: ParcelMemory = {};
  const key = {};
  lay();
  const spelled = [...PATHS.slice(0, 9), 'b/c/../x.h', 'link/../a/y.h'].map((path) => join(dir, 'a', '..', path));
  const wanted = { files: spelled.map((path) => path.replace('/a/..', '')), directories: [join(dir, 'link/c'), dir] };
  let same = 0;
  let missing = 0;
  let before: object | undefined;
  for (let step = 0; step < STEPS; step += 1) {
    if (random.below(2) === 0) change(random, step);
    if (readdirSync(dir).length < 4) lay();
    const there = { ...wanted, files: wanted.files.filter(() => random.below(60) > 0) };
    const known = inputParcels(memory).of(key, there, takeSight(files));
    const fresh = inputParcels({}).of({}, there, takeSight(fileStates(later)));
    expect(told(known)).toEqual(told(fresh));
    if (known === undefined) missing += 1;
    else if (known === before) same += 1;
    before = known;
    if (missing > 5 && random.below(3) === 0) {
      rmSync(dir, { recursive: true });
      mkdirSync(dir);
      lay();
      missing = 0;
    }
  }
  expect(same, 'parcels that were known').toBeGreaterThan(STEPS / 10);
});

test('objects that are written beside headers leave a parcel as it is', () => {
  const files = fileStates(later);
  const memory: ParcelMemory = {};
  const key = {};
  lay();
  const wanted = { files: [join(dir, 'link/x.h'), join(dir, 'b/c/y.h')], directories: [join(dir, 'b')] };
  const first = inputParcels(memory).of(key, wanted, takeSight(files));
  writeFileSync(join(dir, 'b/x.o'), '');
  expect(inputParcels(memory).of(key, wanted, takeSight(files))).toBe(first);
  writeFileSync(join(dir, 'b/x.h'), 'other\n');
  expect(inputParcels(memory).of(key, wanted, takeSight(files))?.fields).not.toEqual(first?.fields);
});

test('a file too young to be remembered is sent as it is', () => {
  const files = fileStates(() => BigInt(Date.now()) * 1_000_000n);
  const memory: ParcelMemory = {};
  const key = {};
  const path = join(dir, 'young.h');
  const sent = () => inputParcels(memory).of(key, { files: [path], directories: [] }, takeSight(files))?.digests;
  const digests = ['one', 'two', 'six'].map((text) => {
    writeFileSync(path, text);
    return sent();
  });
  expect(new Set(digests.flat()).size).toBe(3);
});
