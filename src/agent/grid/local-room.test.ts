import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { localRoom } from './local-room.ts';
import { machineLoad } from './machine-load.ts';

const CORES = 4;
const MANY = 100;
let root: string;
let nowMs: number;
let looks: number;
let timers: (() => void)[];
let running: number;
let grown: number;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hg-room-'));
  [nowMs, looks, timers, running, grown] = [0, 0, [], 0, 0];
});
afterEach(() => rmSync(root, { recursive: true }));

function lay(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const pressure = (total: number): string =>
  `some avg10=0.00 avg60=0.00 avg300=0.00 total=${total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=${total}\n`;

function room(wholeMachine = true) {
  const load = machineLoad({ now: () => nowMs, root, wholeMachine: () => wholeMachine });
  const sample = () => {
    looks += 1;
    return load.sample();
  };
  return localRoom({
    load: { sample },
    processors: CORES,
    running: () => running,
    grew: () => {
      grown += 1;
    },
    after: (ms, act) => {
      expect(ms).toBeGreaterThanOrEqual(500);
      timers.push(act);
    },
  });
}

/** Half a second goes by. */
function pass(): void {
  nowMs += 500;
  for (const act of timers.splice(0)) act();
}

/** So many others run all the time, and somebody waits all the time. */
function crowd(others: number): void {
  lay('/proc/loadavg', `1.00 1.00 1.00 ${running + others + 1}/800 4711\n`);
  lay('/proc/pressure/cpu', pressure(nowMs * 1000));
}

test('auto follows the files of the kernel and a number does not', () => {
  const r = room();
  running = CORES;
  for (let i = 0; i < 20; i += 1) {
    crowd(2);
    expect(r.limit(3, MANY)).toBe(3);
    expect(r.limit(0, MANY)).toBe(0);
    r.limit('auto', MANY);
    pass();
  }
  expect(r.limit('auto', MANY)).toBe(CORES - 2);
  for (let i = 0; i < 20; i += 1) {
    crowd(0);
    pass();
  }
  expect(r.limit('auto', MANY)).toBe(CORES);
  expect(grown).toBe(2);
});

test('no more is left to others than there are slots elsewhere', () => {
  const r = room();
  running = CORES;
  for (let i = 0; i < 20; i += 1) {
    crowd(50);
    r.limit('auto', 1);
    pass();
  }
  expect([0, 1, 2, MANY].map((slots) => r.limit('auto', slots))).toEqual([CORES, CORES - 1, CORES - 2, 1]);
  expect(r.limit(3, 0)).toBe(3);
});

test('the machine is looked at only while something is compiled', () => {
  const r = room();
  expect(looks).toBe(0);
  r.limit(2, MANY);
  expect([looks, timers.length]).toEqual([0, 0]);
  for (let i = 0; i < 10; i += 1) r.limit('auto', MANY);
  expect([looks, timers.length]).toEqual([1, 1]);
  pass();
  pass();
  expect([looks, timers.length]).toEqual([3, 0]);
  r.limit('auto', MANY);
  running = 1;
  pass();
  pass();
  expect(timers.length).toBe(1);
  running = 0;
  pass();
  pass();
  expect(timers.length).toBe(0);
});

test('what was long ago is forgotten', () => {
  const r = room();
  running = CORES;
  for (let i = 0; i < 20; i += 1) {
    crowd(3);
    r.limit('auto', MANY);
    pass();
  }
  expect(r.limit('auto', MANY)).toBe(1);
  running = 0;
  crowd(0);
  pass();
  pass();
  nowMs += 60_000;
  expect(r.limit('auto', MANY)).toBe(CORES);
});

test('without PSI the run queue alone is followed, and without both it stays as it is', () => {
  running = CORES;
  const r = room();
  for (let i = 0; i < 20; i += 1) {
    lay('/proc/loadavg', `1.00 1.00 1.00 ${running + 3}/800 4711\n`);
    r.limit('auto', MANY);
    pass();
  }
  expect(r.limit('auto', MANY)).toBe(CORES - 2);
  rmSync(root, { recursive: true });
  mkdirSync(root);
  const blind = room();
  for (let i = 0; i < 20; i += 1) {
    blind.limit('auto', MANY);
    pass();
  }
  expect(blind.limit('auto', MANY)).toBe(CORES);
});

test("where not all processors are ours the machine's queue says nothing, but our group's memory does", () => {
  lay('/proc/self/cgroup', '0::/user.slice/build.scope\n');
  lay('/proc/pressure/memory', pressure(0));
  const r = room(false);
  running = 2;
  for (let i = 0; i < 10; i += 1) {
    crowd(9);
    lay('/sys/fs/cgroup/user.slice/build.scope/memory.pressure', pressure(0));
    r.limit('auto', MANY);
    pass();
  }
  expect(r.limit('auto', MANY)).toBe(CORES);
  lay('/sys/fs/cgroup/user.slice/build.scope/memory.pressure', pressure(200_000));
  pass();
  expect(r.limit('auto', MANY)).toBe(CORES / 2);
});
