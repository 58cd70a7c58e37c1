/** The agent, the cache and what is known of them, as the command line shows it. */
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { until } from './bed/processes.ts';
import { type Ended, run, runOk } from './bed/run.ts';

let bed: Bed;
let work: string;
beforeAll(() => {
  bed = makeBed();
});
afterAll(() => bed.remove());
beforeEach(() => {
  work = mkdtempSync(join(bed.work, 't-'));
});

const hgbuild = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  run([HGBUILD, ...args], { cwd: work, env: { ...bed.env, ...env } });

// biome-ignore lint/suspicious/noExplicitAny: printed JSON, whose shape is what the tests are about
async function json(...args: readonly string[]): Promise<any> {
  const { stdout, stderr } = await hgbuild([...args, '--json']);
  if (stdout.length === 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString());
}

/** A file written within a tick of the kernel's clock before a compile is rightly not trusted: let that pass. */
const settle = (): Promise<void> => sleep(40);

/** Compiles a source of its own once, so that the cache has it. */
async function compileOne(name = 'a.c', text = `int x_${basename(work).replace(/\W/g, '_')};\n`): Promise<void> {
  writeFileSync(join(work, name), text);
  await settle();
  await runOk([HGBUILD, 'gcc', '-c', name], { cwd: work, env: bed.env });
}

describe('agent', () => {
  test('status, start, status, stop, each telling the truth', async () => {
    await hgbuild(['agent', 'stop']);
    expect((await hgbuild(['agent', 'status'])).status).toBe(1);
    expect(await json('agent', 'status')).toEqual({ running: false });
    const started = await json('agent', 'start');
    expect(started).toMatchObject({ running: true, pid: expect.any(Number), cacheDir: bed.cacheDir, storing: 0 });
    expect(await json('agent', 'start')).toMatchObject({ pid: started.pid });
    const { status, stdout } = await hgbuild(['agent', 'status']);
    expect(status).toBe(0);
    expect(stdout.toString()).toMatch(new RegExp(`^pid +${started.pid}$`, 'm'));
    expect(bed.agents()).toEqual([started.pid]);
    expect(await json('agent', 'stop')).toEqual({ stopped: true, pid: started.pid });
    expect(bed.agents()).toEqual([]);
    expect(await json('agent', 'stop')).toEqual({ stopped: false });
    expect((await hgbuild(['agent', 'stop'])).stdout.toString()).toBe('no agent was running\n');
  });

  test('stop stores what is in hand first', async () => {
    await compileOne();
    await hgbuild(['agent', 'stop']);
    expect(await json('explain', 'a.c')).toMatchObject({ explanation: { verdict: 'hit' } });
  });

  test('another cache directory has another agent', async () => {
    const here = await json('agent', 'start');
    const there = JSON.parse((await hgbuild(['--cache-dir', 'other', 'agent', 'start', '--json'])).stdout.toString());
    expect(there.cacheDir).toBe(join(work, 'other'));
    expect(there.pid).not.toBe(here.pid);
    await hgbuild(['--cache-dir', 'other', 'agent', 'stop']);
    expect(bed.agents()).toEqual([here.pid]);
  });

  test('where none can start, the reason and the remedy', async () => {
    const { status, stderr } = await hgbuild(['agent', 'start'], { HG_RUNTIME_DIR: '/dev/null/x' });
    expect(stderr.toString()).toBe(
      "hgbuild: no private directory for the agent's socket (set HG_RUNTIME_DIR); `hgbuild doctor` may know more\n",
    );
    expect(status).toBe(1);
  });

  test('a silent agent is no reason to hang', async () => {
    const { pid } = await json('agent', 'start');
    process.kill(pid, 'SIGSTOP');
    try {
      const { status, wallMs } = await hgbuild(['agent', 'status']);
      expect(status).toBe(1);
      expect(wallMs).toBeLessThan(6000);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });
});

describe('agent logs', () => {
  test('readable, raw, the last lines', async () => {
    await hgbuild(['agent', 'start']);
    await hgbuild(['agent', 'stop']);
    const { stdout } = await hgbuild(['agent', 'logs']);
    expect(stdout.toString()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info {2}agent started pid=\d+ /m);
    const lines = (await hgbuild(['agent', 'logs', '--json', '-n', '1'])).stdout.toString().trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 30, msg: 'agent stopped' });
  });

  test('no log yet', async () => {
    const { status, stderr } = await hgbuild(['--cache-dir', 'none', 'agent', 'logs']);
    expect(stderr.toString()).toBe(
      `hgbuild: there is no log yet at ${work}/none/agent.log; \`hgbuild agent start\` starts one\n`,
    );
    expect(status).toBe(1);
  });

  test('-f goes on, through a rotation', async () => {
    const directory = join(work, 'c');
    const log = join(directory, 'agent.log');
    mkdirSync(directory);
    writeFileSync(log, 'one\n');
    const child = spawn(HGBUILD, ['--cache-dir', 'c', 'agent', 'logs', '-f'], {
      cwd: work,
      env: bed.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    const shows = (text: string): Promise<boolean> => until(() => out === text, 5000);
    expect(await shows('one\n')).toBe(true);
    appendFileSync(log, 'two\nthr');
    expect(await shows('one\ntwo\n')).toBe(true);
    appendFileSync(log, 'ee\n');
    expect(await shows('one\ntwo\nthree\n')).toBe(true);
    renameSync(log, `${log}.1`);
    appendFileSync(`${log}.1`, 'four\n');
    writeFileSync(log, 'five\n');
    expect(await shows('one\ntwo\nthree\nfour\nfive\n')).toBe(true);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.on('close', resolve));
  });
});

describe('stats', () => {
  test('count, by the names of docs/json.md, and from zero again', async () => {
    await hgbuild(['stats', '--zero']);
    await compileOne();
    await bed.flush();
    rmSync(join(work, 'a.o'));
    await compileOne();
    await hgbuild(['gcc', '-c', 'a.c', '-fplugin=none.so']);
    const stats = await json('stats');
    expect(stats).toMatchObject({
      cacheDir: bed.cacheDir,
      compiles: 3,
      hits: 1,
      local: 1,
      refused: 1,
      refusals: { plugin: 1 },
      stored: 1,
    });
    expect(stats.since).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(stats.savedMs).toBeGreaterThan(0);
    const table = (await hgbuild(['stats'])).stdout.toString();
    expect(table).toMatch(/^ {2}hits +1 +33\.3 %$/m);
    expect(table).toMatch(/^ {2}plugin +1 +a compiler plugin is loaded$/m);
    expect((await json('stats', '--zero')).compiles).toBe(3);
    expect(await json('stats')).toMatchObject({ compiles: 0, hits: 0, refusals: {} });
  });

  test('of a cache that is not there', async () => {
    const { stdout, status } = await hgbuild(['--cache-dir', 'none', 'stats', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout.toString())).toMatchObject({ compiles: 0, since: null });
    expect(existsSync(join(work, 'none'))).toBe(false);
  });
});

describe('cache', () => {
  test('stats, prune, clear', async () => {
    await compileOne();
    const before = await json('cache', 'stats');
    expect(before).toMatchObject({ cacheDir: bed.cacheDir, maxBytes: 10 * 1024 ** 3 });
    expect(before.blobs.files).toBeGreaterThan(0);
    expect(before.bytes).toBeGreaterThan(0);
    expect((await hgbuild(['cache', 'stats'])).stdout.toString()).toMatch(/^all +\d+ +[\d.]+ KiB$/m);
    expect(await json('cache', 'prune')).toMatchObject({ files: 0 });
    const pruned = await json('cache', 'prune', '--max-size', '0');
    expect(pruned.files).toBeGreaterThan(0);
    expect(pruned.bytesAfter).toBe(0);
    await compileOne('b.c', 'int b;\n');
    expect((await json('cache', 'clear')).files).toBeGreaterThan(0);
    expect(await json('cache', 'stats')).toMatchObject({ files: 0, bytes: 0 });
    await compileOne();
    expect((await json('cache', 'stats')).files).toBeGreaterThan(0);
  });

  test('the size limit of the settings is what prune goes down to', async () => {
    await compileOne();
    const { stdout } = await hgbuild(['cache', 'prune', '--json'], { HG_MAX_SIZE: '1B' });
    expect(JSON.parse(stdout.toString()).bytesAfter).toBe(0);
  });

  test('verify finds damage, removes it, and then finds none', async () => {
    await compileOne();
    expect((await hgbuild(['cache', 'verify'])).stdout.toString()).toMatch(/: all as they should be$/m);
    await bed.flush();
    const blobs = join(bed.cacheDir, 'v1/blobs');
    const [path = ''] = readdirSync(blobs, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('/'));
    writeFileSync(join(blobs, path), 'damaged');
    const { status, stdout } = await hgbuild(['cache', 'verify', '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout.toString())).toMatchObject({ badBlobs: 1 });
    expect((await hgbuild(['cache', 'verify'])).status).toBe(0);
  });
});

describe('explain', () => {
  test('a miss, a hit, a changed input, a refusal, no compile', async () => {
    writeFileSync(join(work, 'h.h'), '#define H 1\n');
    writeFileSync(join(work, 'a.c'), '#include "h.h"\nint h = H;\n');
    const command = ['--', 'gcc', '-c', 'a.c'];
    const explained = async (...words: readonly string[]) => (await hgbuild(['explain', ...words])).stdout.toString();
    expect(await explained(...command)).toMatch(/^miss: key [0-9a-f]{64}\n {2}nothing like this call was stored yet$/m);
    await settle();
    await runOk([HGBUILD, 'gcc', '-c', 'a.c'], { cwd: work, env: bed.env });
    await bed.flush();
    expect(await explained(...command)).toMatch(/^hit: stored .*, \d+ inputs unchanged/m);
    writeFileSync(join(work, 'h.h'), '#define H 2\n');
    expect(await explained(...command)).toMatch(
      new RegExp(`^ {2}input ${work}/h\\.h: [0-9a-f]{12} -> [0-9a-f]{12}$`, 'm'),
    );
    expect(await explained('--', 'gcc', '-c', 'a.c', '-DX')).toMatch(/^ {2}option -DX: now -DX$/m);
    expect(await explained('--', 'gcc', '-c', 'a.c', '-fplugin=x')).toMatch(
      /^refused: plugin .*: a compiler plugin is loaded$/m,
    );
    expect(await explained('--', 'gcc', '--version')).toMatch(/^not a compile: /m);
    expect(await explained('--', HGBUILD, 'gcc', '-c', 'a.c')).toMatch(/^miss: /m);
  });

  test('a file by the last compile through the cache', async () => {
    await compileOne();
    const { command, explanation } = await json('explain', 'a.c');
    expect(command).toMatchObject({ cwd: work, from: 'the last compile through the cache' });
    expect(command.argv.slice(1)).toEqual(['-c', 'a.c']);
    expect(explanation.verdict).toBe('hit');
  });

  test('a file by a compile_commands.json further up', async () => {
    mkdirSync(join(work, 'build'));
    mkdirSync(join(work, 'src'));
    writeFileSync(join(work, 'src/b.c'), 'int b;\n');
    const entry = { directory: join(work, 'build'), file: '../src/b.c', command: `gcc -DN='"a b"' -c ../src/b.c` };
    writeFileSync(join(work, 'build/compile_commands.json'), JSON.stringify([entry]));
    const { stdout } = await run([HGBUILD, 'explain', 'b.c', '--json'], { cwd: join(work, 'src'), env: bed.env });
    const { command, explanation } = JSON.parse(stdout.toString());
    expect(command).toMatchObject({ cwd: join(work, 'build'), from: join(work, 'build/compile_commands.json') });
    expect(command.argv.slice(1)).toEqual(['-DN="a b"', '-c', '../src/b.c']);
    expect(explanation.verdict).toBe('miss');
    writeFileSync(join(work, 'build/compile_commands.json'), '{');
    const broken = await run([HGBUILD, 'explain', 'b.c'], { cwd: join(work, 'src'), env: bed.env });
    expect(broken.stderr.toString()).toContain('is no compilation database');
  });

  test('a file nobody knows', async () => {
    const { status, stderr } = await hgbuild(['explain', 'no.c']);
    expect(stderr.toString()).toMatch(
      /^hgbuild: no compile of no\.c is known: compile it once through hgbuild, or give the command: /,
    );
    expect(status).toBe(1);
  });
});

describe('doctor', () => {
  test('all is well', async () => {
    const { status, stdout } = await hgbuild(['doctor']);
    expect(stdout.toString()).not.toMatch(/^fail/m);
    expect(status).toBe(0);
    const checks = [
      'node',
      'configuration',
      'cache',
      'space',
      'compilers',
      'launcher',
      'masquerade',
      'socket',
      'agent',
    ];
    for (const check of checks) expect(stdout.toString()).toMatch(new RegExp(`^(ok|warn) +${check} `, 'm'));
  });

  test('what is wrong has a remedy and a place in the exit code', async () => {
    writeFileSync(join(work, 'file'), '');
    const { status, stdout } = await hgbuild(['doctor', '--json'], {
      HG_CACHE_DIR: join(work, 'file/cache'),
      HG_CACHEDIR: '/x',
    });
    const { ok, findings } = JSON.parse(stdout.toString());
    expect([status, ok]).toEqual([1, false]);
    expect(findings).toContainEqual({
      check: 'environment',
      state: 'warn',
      detail: 'HG_CACHEDIR means nothing to hgbuild',
      remedy: 'did you mean HG_CACHE_DIR?',
    });
    const cache = findings.find(({ check }: { check: string }) => check === 'cache');
    expect(cache).toMatchObject({ state: 'fail', detail: expect.stringContaining('ENOTDIR') });
    for (const finding of findings) expect(finding.remedy === '').toBe(finding.state === 'ok');
  });

  test('a configuration that cannot be read is one of the findings', async () => {
    writeFileSync(join(work, 'hybridgrid.yaml'), 'nonsense: 1\n');
    const { status, stdout } = await hgbuild(['doctor']);
    expect(stdout.toString()).toMatch(/^fail +configuration +.*hybridgrid\.yaml:1:1: unknown key "nonsense"$/m);
    expect(status).toBe(1);
  });
});
