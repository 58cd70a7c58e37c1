import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLog } from './log.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hg-log-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('lines end up in the file at once, below the level they do not', () => {
  const log = openLog(join(dir, 'agent.log'), 'info', 1000);
  log.logger.info({ source: 'a.c' }, 'not stored');
  log.logger.debug('unheard');
  const lines = readFileSync(join(dir, 'agent.log'), 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['not stored']);
});

test('rotated when large: one old log is kept, and writing goes on', () => {
  const path = join(dir, 'agent.log');
  const log = openLog(path, 'info', 100);
  for (const word of ['one', 'two', 'three']) {
    log.logger.info('x'.repeat(200));
    log.rotate();
    log.logger.info(word);
  }
  expect(readFileSync(path, 'utf8')).toContain('three');
  expect(readFileSync(`${path}.1`, 'utf8')).toContain('two');
});

test('a full disk and a missing directory stop nobody', () => {
  const full = openLog('/dev/full', 'info', 1e9);
  const began = Date.now();
  for (let i = 0; i < 100; i += 1) full.logger.info('lost');
  openLog(join(dir, 'no/such/agent.log'), 'info', 1).logger.info('lost');
  expect(Date.now() - began).toBeLessThan(1_000);
});
