import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type CacheLayout, cacheLayout } from '../cas/layout.ts';
import { COUNTERS, type Counters, countersSince, NO_COUNTERS, parseCounters, sumCounters } from './counters.ts';
import { foldStatistics } from './fold-statistics.ts';
import { openStatistics, readStatistics, zeroStatistics } from './statistics.ts';
import { bundled } from './testing/bundled.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hg-statistics-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let made = 0;
function freshLayout(): CacheLayout {
  made += 1;
  return cacheLayout(`${scratch}/${made}`);
}

/** Linux numbers processes up to 4,194,304: nobody has this one. */
const DEAD = 4_194_305;

/** Makes it look as if the agent that wrote a file had died. */
function bury(layout: CacheLayout, id: string): void {
  const path = `${layout.stats}/${id}.json`;
  const file = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...file, pid: DEAD }));
}

function countHits(layout: CacheLayout, id: string, hits: number): void {
  const statistics = openStatistics(layout, id);
  statistics.add('hits', hits);
  statistics.flush();
}

function hitsIn(layout: CacheLayout): number {
  return readStatistics(layout).counters.hits;
}

describe('counters', () => {
  const amount = fc.nat(1000);
  const reasons = fc.dictionary(
    fc.constantFrom('time-macro', 'link', 'a later reason'),
    fc.integer({ min: 1, max: 9 }),
  );
  const counters = fc
    .tuple(fc.record(Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, amount]))), reasons, reasons)
    .map(([counts, refused, storeFailures]): Counters => ({ ...NO_COUNTERS, ...counts, refused, storeFailures }));

  test('add up in any order, and what was added can be taken away', () => {
    fc.assert(
      fc.property(counters, counters, counters, (a, b, c) => {
        expect(sumCounters(a, b)).toEqual(sumCounters(b, a));
        expect(sumCounters(sumCounters(a, b), c)).toEqual(sumCounters(a, sumCounters(b, c)));
        expect(sumCounters(a, NO_COUNTERS)).toEqual(a);
        expect(countersSince(sumCounters(a, b), b)).toEqual(a);
        expect(parseCounters(JSON.parse(JSON.stringify(a)))).toEqual(a);
      }),
    );
  });

  test('out of any JSON are amounts', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed = parseCounters(value);
        expect(Object.keys(parsed)).toEqual(Object.keys(NO_COUNTERS));
        for (const name of Object.keys(COUNTERS) as (keyof typeof COUNTERS)[])
          expect(parsed[name]).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('statistics', () => {
  test('are the sum over all agents, after they flushed', () => {
    const layout = freshLayout();
    const [one, two] = [openStatistics(layout, 'one'), openStatistics(layout, 'two')];
    one.count('hits');
    one.count('hits');
    one.refused('time-macro');
    two.count('misses');
    two.add('savedMs', 12.5);
    two.refused('time-macro');
    two.refused('link');
    two.storeFailed('cache-unwritable');
    expect(readStatistics(layout)).toEqual({ counters: NO_COUNTERS, since: null });
    one.flush();
    two.flush();
    expect(readStatistics(layout).counters).toEqual({
      ...NO_COUNTERS,
      hits: 2,
      misses: 1,
      savedMs: 12.5,
      refused: { link: 1, 'time-macro': 2 },
      storeFailures: { 'cache-unwritable': 1 },
    });
    one.flush();
    one.count('hits');
    one.flush();
    expect(hitsIn(layout)).toBe(3);
  });

  test('are set to zero without stopping anybody', () => {
    const layout = freshLayout();
    const one = openStatistics(layout, 'one');
    one.add('hits', 5);
    one.refused('link');
    one.flush();
    zeroStatistics(layout, () => 0);
    expect(readStatistics(layout)).toEqual({ counters: NO_COUNTERS, since: '1970-01-01T00:00:00.000Z' });
    one.count('hits');
    one.flush();
    expect(readStatistics(layout).counters).toEqual({ ...NO_COUNTERS, hits: 1 });
    bury(layout, 'one');
    foldStatistics(layout);
    expect(readStatistics(layout).counters).toEqual({ ...NO_COUNTERS, hits: 1 });
  });

  test('survive files that are none of theirs', () => {
    const layout = freshLayout();
    countHits(layout, 'one', 1);
    writeFileSync(`${layout.stats}/torn.json`, '{"v":1,"counters":{"hits":9');
    writeFileSync(`${layout.stats}/later.json`, '{"v":2,"counters":{"hits":9}}');
    writeFileSync(`${layout.stats}/list.json`, '[]');
    mkdirSync(`${layout.stats}/directory.json`);
    expect(hitsIn(layout)).toBe(1);
    foldStatistics(layout);
    expect(existsSync(`${layout.stats}/later.json`)).toBe(true);
  });

  test('that cannot be written are tried again', () => {
    const layout = freshLayout();
    writeFileSync(layout.root, 'in the way');
    const one = openStatistics(layout, 'one');
    one.count('hits');
    expect(one.flush()).toMatchObject({ kind: 'unwritable' });
    rmSync(layout.root);
    expect(one.flush()).toBeUndefined();
    expect(hitsIn(layout)).toBe(1);
  });
});

describe('folding', () => {
  test('keeps the sum, and leaves few files', () => {
    const layout = freshLayout();
    for (let at = 1; at <= 9; at += 1) countHits(layout, `agent${at}`, at);
    for (let at = 1; at <= 7; at += 1) bury(layout, `agent${at}`);
    expect(foldStatistics(layout)).toBe(7);
    expect(hitsIn(layout)).toBe(45);
    foldStatistics(layout);
    expect(readdirSync(layout.stats)).toEqual(['agent8.json', 'agent9.json', 'total.json']);
    expect(hitsIn(layout)).toBe(45);
    foldStatistics(layout);
    expect(JSON.parse(readFileSync(`${layout.stats}/total.json`, 'utf8')).folded).toEqual([]);
    expect(hitsIn(layout)).toBe(45);
  });

  test('takes an agent of another machine only after a week', () => {
    const layout = freshLayout();
    countHits(layout, 'far', 3);
    const path = `${layout.stats}/far.json`;
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), host: 'elsewhere', pid: DEAD }));
    expect(foldStatistics(layout)).toBe(0);
    utimesSync(path, 1, 1);
    expect(foldStatistics(layout)).toBe(1);
    expect(hitsIn(layout)).toBe(3);
  });

  test('an agent that was folded alive goes on counting, nothing twice', () => {
    const layout = freshLayout();
    const stopped = openStatistics(layout, 'stopped');
    stopped.add('hits', 4);
    stopped.flush();
    bury(layout, 'stopped');
    for (let pass = 0; pass < 4; pass += 1) {
      foldStatistics(layout);
      expect(hitsIn(layout)).toBe(4 + pass);
      stopped.count('hits');
      stopped.flush();
      expect(hitsIn(layout)).toBe(5 + pass);
    }
  });

  test('killed at any step, once or twice, neither loses nor doubles a count', () => {
    const folder = bundled('folder.ts', scratch);
    for (const [first, second] of [
      [1, 0],
      [2, 0],
      [1, 1],
      [2, 1],
      [1, 2],
      [2, 3],
      [2, 4],
    ] as const) {
      const layout = freshLayout();
      for (const id of ['a', 'b', 'c']) countHits(layout, id, 10);
      for (const id of ['a', 'b']) bury(layout, id);
      for (const fatal of [first, second]) {
        const { signal } = spawnSync(process.execPath, [folder, layout.root, `${fatal}`]);
        expect(signal).toBe(fatal === 0 ? null : 'SIGKILL');
        expect(hitsIn(layout), `killed at ${first}, then ${second}`).toBe(30);
        bury(layout, 'c');
      }
      for (let pass = 0; pass < 3; pass += 1) {
        foldStatistics(layout);
        expect(hitsIn(layout)).toBe(30);
      }
      expect(readdirSync(layout.stats)).toEqual(['total.json']);
    }
  });

  test('a file that comes back after its removal is still not counted twice', () => {
    const layout = freshLayout();
    countHits(layout, 'a', 10);
    bury(layout, 'a');
    const path = `${layout.stats}/a.json`;
    const text = readFileSync(path);
    foldStatistics(layout);
    countHits(layout, 'b', 5);
    bury(layout, 'b');
    foldStatistics(layout, Date.now, () => writeFileSync(path, text));
    expect(hitsIn(layout)).toBe(15);
    foldStatistics(layout);
    expect(hitsIn(layout)).toBe(15);
  });

  test('two at once neither lose nor double', () => {
    const layout = freshLayout();
    for (const id of ['a', 'b', 'c']) {
      countHits(layout, id, 10);
      bury(layout, id);
    }
    // One folds completely while the other has read and not yet written.
    let nested = false;
    foldStatistics(layout, Date.now, () => {
      if (nested) return;
      nested = true;
      foldStatistics(layout);
    });
    expect(hitsIn(layout)).toBe(30);
    for (let pass = 0; pass < 3; pass += 1) foldStatistics(layout);
    expect(hitsIn(layout)).toBe(30);
    expect(readdirSync(layout.stats)).toEqual(['total.json']);
  });
});
