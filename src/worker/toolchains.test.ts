import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { temporaryDirectory } from './testing/bed.ts';
import { toolchains } from './toolchains.ts';

function file(text: string): string {
  const path = join(temporaryDirectory(), 'part');
  writeFileSync(path, text);
  return path;
}

test('parts are the same here or they are not; directories and what is missing are not', async () => {
  const [a, b] = [file('a'), file('b')];
  const parts = [
    { path: a, digest: sha256('a') },
    { path: b, digest: sha256('other') },
    { path: '/', digest: sha256('') },
    { path: '/no/such/part', digest: sha256('a') },
  ];
  const compared = await toolchains().compare(parts);
  expect(compared.same.map(({ part }) => part)).toEqual([parts[0]]);
  expect(compared.different).toEqual(parts.slice(1));
  expect(compared.stillHolds()).toBe(true);
});

test('an upgrade in place is seen, before and during a compile, even one that restores the time', async () => {
  const path = file('old');
  const known = toolchains(() => Date.now() + 10_000);
  const old = { path, digest: sha256('old') };
  const before = await known.compare([old]);
  expect(before.same.map(({ part }) => part)).toEqual([old]);
  writeFileSync(path, 'new');
  utimesSync(path, 0, 0);
  expect(before.stillHolds()).toBe(false);
  expect((await known.compare([old])).different).toEqual([old]);
  expect((await known.compare([{ path, digest: sha256('new') }])).same).toHaveLength(1);
});
