/** `hgbuild config` and the settings as every command sees them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SETTING_KEYS, SETTINGS } from '../src/config/settings.ts';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { type Ended, run } from './bed/run.ts';

let bed: Bed;
let work: string;
let userFile: string;
beforeAll(() => {
  bed = makeBed();
  userFile = join(bed.home, '.config/hybridgrid/hybridgrid.yaml');
  mkdirSync(dirname(userFile), { recursive: true });
});
afterAll(() => bed.remove());
beforeEach(() => {
  work = mkdtempSync(join(bed.work, 't-'));
  rmSync(userFile, { force: true });
});

const hgbuild = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  run([HGBUILD, ...args], { cwd: work, env: { ...bed.env, XDG_CONFIG_HOME: '', ...env } });

async function value(key: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout, stderr } = await hgbuild([...args, 'config', 'show', key], env);
  return stdout.toString().trimEnd() || stderr.toString().trimEnd();
}

describe('config show', () => {
  test('every key with its value and origin', async () => {
    writeFileSync(userFile, 'cache:\n  max_size: 5GiB\n');
    writeFileSync(join(work, 'hybridgrid.yaml'), 'compile: {jobs: auto}\n');
    const { stdout } = await hgbuild(['-q', 'config', 'show'], { HG_LOG_LEVEL: 'debug' });
    const rows = stdout
      .toString()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    for (const key of SETTING_KEYS) expect(rows.map(([name]) => name)).toContain(key);
    expect(rows).toContainEqual(['cache.max_size', '5GiB', `${userFile}:2`]);
    expect(rows).toContainEqual(['compile.jobs', 'auto', `${work}/hybridgrid.yaml:1`]);
    expect(rows).toContainEqual(['agent.log_level', 'debug', 'HG_LOG_LEVEL']);
    expect(rows).toContainEqual(['compile.quiet', 'true', '--quiet']);
    expect(rows).toContainEqual(['cache.compress_after', '1d', 'default']);
    expect(stdout.toString()).toContain(`user file ${userFile}: read`);
  });

  test('JSON', async () => {
    writeFileSync(userFile, 'agent:\n  idle_exit: never\n');
    const { stdout } = await hgbuild(['config', 'show', '--json'], { HG_BASE_DIRS: '/a:/b' });
    const { settings, files } = JSON.parse(stdout.toString());
    expect(Object.keys(settings)).toEqual([...SETTING_KEYS]);
    expect(settings['agent.idle_exit']).toEqual({
      value: null,
      origin: { from: 'file', level: 'user', path: userFile, line: 2, column: 3 },
    });
    expect(settings['cache.base_dirs']).toEqual({
      value: ['/a', '/b'],
      origin: { from: 'environment', variable: 'HG_BASE_DIRS' },
    });
    expect(settings['cache.max_size']).toEqual({ value: 10 * 1024 ** 3, origin: { from: 'default' } });
    expect(files).toContainEqual({ path: userFile, level: 'user', present: true, ignored: false });
  });

  test.each([
    [['--cache-dir', 'here'], 'cache.dir', 'here'],
    [['--verbose'], 'compile.verbose', 'true'],
    [['--read-only'], 'cache.read_only', 'true'],
    [['--recache'], 'cache.recache', 'true'],
    [['--no-cache'], 'cache.enabled', 'false'],
    [['--jobs', '7'], 'compile.jobs', '7'],
  ])('%j', async (flags, key, expected) => {
    expect(await value(key, flags)).toBe(key === 'cache.dir' ? join(work, expected) : expected);
  });

  test('--config replaces the user file, and must exist', async () => {
    writeFileSync(userFile, 'compile: {jobs: 1}');
    writeFileSync(join(work, 'mine.yaml'), 'compile: {jobs: 2}');
    expect(await value('compile.jobs')).toBe('1');
    expect(await value('compile.jobs', ['--config', 'mine.yaml'])).toBe('2');
    expect(await value('compile.jobs', ['--config=no.yaml'])).toBe(
      `hgbuild: HG_CONFIG names ${work}/no.yaml, which does not exist or cannot be reached`,
    );
  });

  test('the project file is found from below', async () => {
    writeFileSync(join(work, 'hybridgrid.yaml'), 'compile: {jobs: 3}');
    mkdirSync(join(work, 'a/b'), { recursive: true });
    const { stdout } = await run([HGBUILD, 'config', 'show', 'compile.jobs'], { cwd: join(work, 'a/b'), env: bed.env });
    expect(stdout.toString()).toBe('3\n');
  });
});

describe('config check', () => {
  test('fine', async () => {
    expect((await hgbuild(['config', 'check'])).stdout.toString()).toBe(
      'ok: no configuration file, all settings are defaults\n',
    );
    writeFileSync(userFile, '# nothing\n');
    const { status, stdout } = await hgbuild(['config', 'check']);
    expect([status, stdout.toString()]).toEqual([0, `ok: ${userFile}\n`]);
  });

  test('everything that is wrong, each on its line', async () => {
    writeFileSync(userFile, 'cache:\n  max_sise: 1GiB\nagnet:\n  idle_exit: 1m\n');
    writeFileSync(join(work, 'hybridgrid.yaml'), 'cache:\n  dir: /evil\n');
    const { status, stderr } = await hgbuild(['config', 'check'], { HG_MAX_SIZE: '10' });
    expect(stderr.toString().trimEnd().split('\n')).toEqual([
      `${userFile}:2:3: unknown key "cache.max_sise"; did you mean "max_size"?`,
      `${userFile}:3:1: unknown key "agnet"; did you mean "agent"?`,
      expect.stringMatching(`^${work}/hybridgrid.yaml:2:3: "cache.dir" may not be set by a project's file`),
      expect.stringMatching(/^HG_MAX_SIZE: "10" is no value for cache\.max_size/),
    ]);
    expect(status).toBe(1);
    const json = JSON.parse((await hgbuild(['config', 'check', '--json'])).stdout.toString());
    expect(json).toMatchObject({ ok: false, files: [userFile, `${work}/hybridgrid.yaml`] });
    expect(json.problems).toHaveLength(3);
  });

  test('every other command refuses to work with it', async () => {
    writeFileSync(userFile, 'x: [\n');
    for (const args of [['stats'], ['cache', 'clear'], ['config', 'show'], ['make'], ['-v', 'gcc', '-c', 'x.c']]) {
      const { status, stderr } = await hgbuild(args);
      expect(stderr.toString()).toMatch(new RegExp(`^hgbuild: ${userFile}:\\d+:\\d+: `));
      expect(status).toBe(2);
    }
  });
});

describe('config init', () => {
  test('a file that changes nothing until lines are uncommented', async () => {
    const { stdout, status } = await hgbuild(['config', 'init']);
    expect([status, stdout.toString()]).toEqual([0, `wrote ${userFile}\n`]);
    expect((await hgbuild(['config', 'check'])).status).toBe(0);
    const uncommented = readFileSync(userFile, 'utf8').replace(/^#(?=\S| {2}\S)/gm, '');
    for (const key of SETTING_KEYS) expect(uncommented).toMatch(new RegExp(`^ {2}${key.split('.')[1]}: `, 'm'));
    writeFileSync(userFile, uncommented);
    const { settings } = JSON.parse((await hgbuild(['config', 'show', '--json'])).stdout.toString());
    for (const key of SETTING_KEYS.filter((name) => SETTINGS[name].usually === undefined)) {
      expect(settings[key].origin.from).toBe('file');
      expect(settings[key].value).toEqual(SETTINGS[key].initial);
    }
  });

  test('for a project only what a project may set', async () => {
    expect((await hgbuild(['config', 'init', '--project'])).stdout.toString()).toBe(`wrote ${work}/hybridgrid.yaml\n`);
    const uncommented = readFileSync(join(work, 'hybridgrid.yaml'), 'utf8').replace(/^#(?=\S| {2}\S)/gm, '');
    writeFileSync(join(work, 'hybridgrid.yaml'), uncommented);
    expect((await hgbuild(['config', 'check'])).status).toBe(0);
  });

  test('never over a file that is there', async () => {
    writeFileSync(userFile, 'compile: {jobs: 1}');
    const { status, stderr } = await hgbuild(['config', 'init']);
    expect([status, stderr.toString()]).toEqual([
      2,
      `hgbuild: ${userFile} exists already; edit it, or remove it first\n`,
    ]);
    expect(readFileSync(userFile, 'utf8')).toBe('compile: {jobs: 1}');
  });
});
