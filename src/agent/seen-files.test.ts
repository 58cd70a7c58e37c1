import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { encodeCheck } from './encoded-checks.ts';
import { takeSight } from './file-snapshot.ts';
import { fileStates } from './file-state.ts';
import { identityOf, type SeenFile, seenFile } from './seen-files.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-seen-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const HOUR_NS = 3_600_000_000_000n;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
/** For it everything has been quiet for long. */
const later = fileStates(() => nowNs() + HOUR_NS);

function see(path: string, files = later): SeenFile | undefined {
  const sight = takeSight(files);
  const way = sight.ways.find(path);
  return way === undefined ? undefined : seenFile(path, way, sight.files);
}

test('a file is one object for as long as nothing has changed, and another after a change', () => {
  const path = join(scratch, 'a.h');
  writeFileSync(path, 'one');
  const seen = see(path);
  expect(seen?.identity).toBe(sha256('one'));
  expect(seen?.check).toBe(encodeCheck({ kind: 'file', path, stamp: seen?.state.stamp as SeenFile['state']['stamp'] }));
  expect(see(path)).toBe(seen);
  utimesSync(path, 5, 5);
  const touched = see(path);
  expect(touched?.identity).toBe(seen?.identity);
  expect(touched?.check).not.toBe(seen?.check);
  writeFileSync(path, 'two');
  expect(see(path)?.identity).toBe(sha256('two'));
  rmSync(path);
  expect(see(path)).toBeUndefined();
});

test('a link that is turned to an equal file is another identity and another check', () => {
  for (const name of ['x', 'y']) {
    mkdirSync(join(scratch, name));
    writeFileSync(join(scratch, name, 'h.h'), 'equal');
  }
  const link = join(scratch, 'link');
  symlinkSync('x', link);
  const before = see(join(link, 'h.h'));
  expect(before?.identity).toBe(sha256(`${sha256('equal')} ${scratch}/x/h.h`));
  expect(before?.check).toContain(`${scratch}/x/h.h\0`);
  rmSync(link);
  symlinkSync('y', link);
  const after = see(join(link, 'h.h'));
  expect(after?.identity).toBe(sha256(`${sha256('equal')} ${scratch}/y/h.h`));
  expect(after?.check).toContain(`${scratch}/y/h.h\0`);
});

test('a file that is too young to be remembered is read again', () => {
  const path = join(scratch, 'young.h');
  writeFileSync(path, 'one');
  const young = fileStates(nowNs);
  const seen = see(path, young);
  expect(seen?.state.settled).toBe(false);
  expect(see(path, young)).not.toBe(seen);
});

test('what is no file has no identity', () => {
  const sight = takeSight(later);
  expect(see(scratch)).toBeUndefined();
  expect(identityOf(join(scratch, 'nothing'), sight.files, sight.ways)).toBeUndefined();
});
