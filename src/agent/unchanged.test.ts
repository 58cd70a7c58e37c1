import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeSight } from './file-snapshot.ts';
import { fileStates } from './file-state.ts';
import { type PathHistory, pathHistory, type Start } from './path-history.ts';
import { sinceStart } from './unchanged.ts';
import { openWays } from './ways.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hg-unchanged-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Of the slowest kernel: 100 ticks a second. */
const TICK_NS = 10_000_000n;
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** Others change the directory for temporary files all the time: that it is the same has to be known from before. */
function historyOf(path: string): PathHistory {
  const history = pathHistory(nowNs);
  history.note([path], openWays());
  return history;
}

/** The start of a compile, so late that all that was done before has an older stamp. */
async function startAfter(path: string): Promise<Start> {
  const changed = statSync(path, { bigint: true }).ctimeNs;
  const start = (): Start => ({ startedNs: nowNs(), stampsFromNs: nowNs() - TICK_NS });
  const stamp = { dev: 0n, ino: 0n, size: 0n, mtime: changed, ctime: changed };
  await expect.poll(() => pathHistory(nowNs).predates(stamp, start()), { timeout: 5_000 }).toBe(true);
  return start();
}

test('a name that was there is not taken for absent, though it was removed after its directory had been looked at', async () => {
  const headers = join(dir, 'include');
  mkdirSync(headers);
  writeFileSync(join(headers, 'a.h'), '');
  const history = historyOf(headers);
  const started = await startAfter(headers);
  const sight = takeSight(fileStates(nowNs));
  const since = sinceStart(started, sight, history, new Map());
  expect(sight.ways.find(headers)).toBeDefined();
  rmSync(join(headers, 'a.h'));
  expect(sight.files.stampOf(join(headers, 'a.h'))).toBeUndefined();
  expect(since.wasAbsent(join(headers, 'a.h'))).toBe(false);
});

test('a name that never was there was absent', async () => {
  const history = historyOf(dir);
  const started = await startAfter(dir);
  const since = sinceStart(started, takeSight(fileStates(nowNs)), history, new Map());
  expect(since.wasAbsent(join(dir, 'a.h'))).toBe(true);
  expect(since.wasAbsent(join(dir, 'nowhere/a.h'))).toBe(true);
});
