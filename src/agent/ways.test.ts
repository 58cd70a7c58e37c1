import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PathHistory, pathHistory } from './path-history.ts';
import { openWays } from './ways.ts';

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'hg-ways-')));
  for (const name of ['one', 'two']) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, 'a.h'), 'int a;\n');
  }
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const now = () => BigInt(Date.now()) * 1_000_000n;
const HOUR = 3_600_000_000_000n;

test('a way ends where realpath says, through links, dots and doubled slashes', () => {
  symlinkSync('one', join(dir, 'link'));
  symlinkSync(`${dir}/link/../two/./a.h`, join(dir, 'file.h'));
  const paths = ['one/a.h', 'link/a.h', 'link//a.h', 'link/../two/a.h', 'link/.', 'link/', 'one/..', 'file.h'];
  for (const path of [...paths.map((name) => `${dir}/${name}`), '/', '/tmp/..', '/usr'])
    expect(openWays().find(path)?.real, path).toBe(realpathSync(path));
  const { steps = [] } = openWays().find(`${dir}/file.h`) ?? {};
  expect(steps.filter((step) => step.kind === 'link').map((step) => step.at)).toEqual([`${dir}/file.h`, `${dir}/link`]);
  expect(steps.every((step) => step.kind === 'link' || !step.at.includes('link'))).toBe(true);
});

test('nothing, a link to nothing, a circle and a path through a file lead nowhere', () => {
  symlinkSync('nothing', join(dir, 'dangling'));
  symlinkSync('circle', join(dir, 'circle'));
  for (const name of ['nothing', 'dangling', 'circle', 'circle/a.h', 'one/a.h/b', 'nothing/../one'])
    expect(openWays().find(`${dir}/${name}`), name).toBeUndefined();
});

/** Of a kernel that ticks 250 times a second. */
const TICK = 4_000_000n;

function unmoved(history: PathHistory, path: string, since: bigint): boolean {
  const steps = openWays().find(path)?.steps;
  return steps !== undefined && history.held(steps, { startedNs: since, stampsFromNs: since - TICK });
}

test('what lay there long before has not moved', () => {
  const history = pathHistory(now);
  expect(unmoved(history, `${dir}/one/a.h`, now() + HOUR)).toBe(true);
  expect(unmoved(history, `${dir}/one/none.h`, now() + HOUR)).toBe(false);
});

test('a directory written into is the same one if it was seen before', () => {
  const path = `${dir}/one/a.h`;
  // Just after it was made, whenever this test gets to ask.
  const made = lstatSync(`${dir}/one`, { bigint: true }).ctimeNs + 1_000_000n;
  expect(unmoved(pathHistory(now), path, made)).toBe(false);
  const history = pathHistory(now);
  history.note([path], openWays());
  const began = now();
  writeFileSync(`${dir}/one/b.o`, '');
  expect(unmoved(history, path, began)).toBe(true);
});

test('another directory in its place, or a link turned, is a move even if all files are old', () => {
  const path = `${dir}/one/a.h`;
  const history = pathHistory(now);
  history.note([path], openWays());
  const began = now();
  renameSync(`${dir}/one`, `${dir}/three`);
  renameSync(`${dir}/two`, `${dir}/one`);
  expect(unmoved(history, path, began)).toBe(false);
  symlinkSync('one', `${dir}/link`);
  expect(unmoved(history, `${dir}/link/a.h`, began)).toBe(false);
});
