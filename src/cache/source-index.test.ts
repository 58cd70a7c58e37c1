import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sha256 } from '../base/digest.ts';
import { cacheLayout, shardedPath } from '../cas/layout.ts';
import { openSourceIndex, type SourceCommand } from './source-index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-sources-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const command: SourceCommand = {
  compiler: '/usr/bin/gcc',
  args: ['-c', '-DX="\xe9\xff\n"', 'a.c'],
  cwd: '/work/caf\xe9',
  env: new Map([
    ['LANG', 'C'],
    ['__proto__', 'x'],
  ]),
  key: sha256('key'),
};

test('the last command of a source is found by its absolute path', () => {
  const layout = cacheLayout(`${scratch}/1`);
  const index = openSourceIndex(layout);
  expect(index.find('/work/caf\xe9/a.c')).toBeUndefined();
  index.remember('./sub/../a.c', command);
  expect(openSourceIndex(layout).find('/work/caf\xe9/a.c')).toEqual(command);
  expect(index.find('/work/a.c')).toBeUndefined();
  const { key: _, ...later } = { ...command, args: ['-c', 'a.c'] };
  index.remember('/work/caf\xe9/a.c', later);
  expect(openSourceIndex(layout).find('/work/x/../caf\xe9/a.c')).toEqual(later);
});

test('the same command again writes nothing', () => {
  const layout = cacheLayout(`${scratch}/2`);
  const index = openSourceIndex(layout);
  const path = shardedPath(layout.sources, sha256('/work/caf\xe9/a.c'), '.json');
  index.remember('a.c', command);
  const { ino } = statSync(path);
  index.remember('a.c', command);
  expect(statSync(path).ino).toBe(ino);
  index.remember('a.c', { ...command, cwd: '/work/caf\xe9/' });
  expect(statSync(path).ino).not.toBe(ino);
});

test('a damaged or unwritable record is none', () => {
  const layout = cacheLayout(`${scratch}/3`);
  const index = openSourceIndex(layout);
  const path = shardedPath(layout.sources, sha256('/work/caf\xe9/a.c'), '.json');
  index.remember('a.c', command);
  truncateSync(path, 50);
  expect(index.find('/work/caf\xe9/a.c')).toBeUndefined();
  for (const record of ['[]', '{}', '{"v":1,"source":"/work/caf\xe9/a.c","compiler":1}', 'null']) {
    writeFileSync(path, record, 'latin1');
    expect(index.find('/work/caf\xe9/a.c')).toBeUndefined();
  }
  const blocked = cacheLayout(`${scratch}/4`);
  writeFileSync(blocked.root, '');
  openSourceIndex(blocked).remember('a.c', command);
  expect(existsSync(`${blocked.root}/v1`)).toBe(false);
});
