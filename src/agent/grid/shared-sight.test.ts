import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Sight } from '../file-snapshot.ts';
import { fileStates } from '../file-state.ts';
import { sharedSight } from './shared-sight.ts';

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'hg-sight-')));
  mkdirSync(join(dir, 'include'));
  for (const name of ['a.h', 'b.h']) writeFileSync(join(dir, 'include', name), 'before\n');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const HOUR_MS = 3_600_000;

/** A clock that stands still until it is moved, in a day after everything here was made. */
function sitting() {
  let at = 10_000;
  const later = Date.now() + 24 * HOUR_MS;
  const sights = sharedSight(
    fileStates(() => BigInt(later) * 1_000_000n),
    () => at,
    () => later,
  );
  const wait = (ms: number): void => {
    at += ms;
  };
  return { sights, wait };
}

const digest = (sight: Sight, name: string) => sight.files.digestOf(`${dir}/include/${name}`)?.digest;

function changeInPlace(name: string): void {
  writeFileSync(join(dir, 'include', name), 'after, and longer\n');
}

test('what was left alone for long is believed for two seconds, then looked at again', () => {
  const { sights, wait } = sitting();
  const before = digest(sights.take(), 'a.h');
  changeInPlace('a.h');
  wait(600);
  expect(digest(sights.take(), 'a.h'), 'a new sitting that trusts').toBe(before);
  wait(1_500);
  expect(digest(sights.take(), 'a.h')).not.toBe(before);
});

test('another file in its place is seen at once, because its directory has changed', () => {
  const { sights, wait } = sitting();
  const before = digest(sights.take(), 'a.h');
  writeFileSync(join(dir, 'include', 'new'), 'after\n');
  renameSync(join(dir, 'include', 'new'), join(dir, 'include', 'a.h'));
  wait(600);
  expect(digest(sights.take(), 'a.h')).not.toBe(before);
});

test('nothing is believed after a doubt, nor of files that are young', () => {
  const { sights, wait } = sitting();
  const before = digest(sights.take(), 'a.h');
  changeInPlace('a.h');
  wait(1);
  sights.drop();
  expect(digest(sights.take(), 'a.h'), 'after a doubt').not.toBe(before);
  const tomorrow = Date.now() / 1000 + 24 * 3600;
  utimesSync(join(dir, 'include', 'b.h'), tomorrow, tomorrow);
  const young = digest(sights.take(), 'b.h');
  changeInPlace('b.h');
  utimesSync(join(dir, 'include', 'b.h'), tomorrow, tomorrow);
  wait(600);
  expect(digest(sights.take(), 'b.h'), 'a young file').not.toBe(young);
});

test('what is to be stored rests on looks that were taken after the compile, all of them', () => {
  const { sights, wait } = sitting();
  const before = digest(sights.take(), 'a.h');
  wait(600);
  digest(sights.take(), 'a.h');
  changeInPlace('a.h');
  wait(1);
  expect(digest(sights.takeAfter(10_500), 'a.h'), 'not a sitting that trusts').not.toBe(before);
  const whole = sights.takeAfter(10_500);
  wait(10);
  expect(sights.takeAfter(10_600), 'one that has just begun').toBe(whole);
  expect(sights.takeAfter(10_605), 'one that began before').not.toBe(whole);
});
