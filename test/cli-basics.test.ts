/** hgbuild as a person meets it: help, version, mistakes. Runs the built program. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { type Ended, run } from './bed/run.ts';

let bed: Bed;
beforeAll(() => {
  bed = makeBed();
});
afterAll(() => bed.remove());

const hgbuild = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  run([HGBUILD, ...args], { cwd: bed.work, env: { ...bed.env, ...env } });

describe('help and version', () => {
  test('help names every command, on stdout', async () => {
    for (const args of [['--help'], ['help'], ['-h']]) {
      const { status, stdout, stderr } = await hgbuild(args);
      expect(status).toBe(0);
      expect(stderr.toString()).toBe('');
      for (const command of [
        'make',
        'ninja',
        'cmake',
        'wrap',
        'cc',
        'c++',
        'install-links',
        'launcher',
        'stats',
        'cache',
      ]) {
        expect(stdout.toString()).toMatch(
          new RegExp(`^  ${command.replace(/\+/g, '\\+')}\\b|^  ${command.replace(/\+/g, '\\+')} `, 'm'),
        );
      }
    }
  });

  test('without a command the help goes to stderr and the call has failed', async () => {
    const { status, stdout, stderr } = await hgbuild([]);
    expect(status).toBe(2);
    expect(stdout.toString()).toBe('');
    expect(stderr.toString()).toContain('Usage: hgbuild');
  });

  test('help of one command, both ways', async () => {
    const direct = await hgbuild(['cache', 'prune', '--help']);
    expect(direct.status).toBe(0);
    expect(direct.stdout.toString()).toContain('--max-size');
    expect((await hgbuild(['help', 'cache'])).stdout.toString()).toContain('verify');
  });

  test('version, three ways and as JSON', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
      version: string;
    };
    for (const args of [['version'], ['--version'], ['-V']]) {
      expect((await hgbuild(args)).stdout.toString()).toMatch(new RegExp(`^hgbuild ${version} `));
    }
    const json = JSON.parse((await hgbuild(['version', '--json'])).stdout.toString());
    expect(json).toMatchObject({ version, node: expect.stringMatching(/^2[4-9]/) });
    expect(json.build).toMatch(/^[\d.]+\+[0-9a-f]{12}$/);
  });

  test('no colour without a terminal, and with NO_COLOR never', async () => {
    for (const env of [{}, { NO_COLOR: '1', CLICOLOR_FORCE: '1' }]) {
      expect((await hgbuild(['doctor'], env)).stdout.toString()).not.toContain('\x1b[');
    }
    expect((await hgbuild(['doctor'], { CLICOLOR_FORCE: '1' })).stdout.toString()).toContain('\x1b[32mok');
  });
});

describe('mistakes name the thing and the remedy, exit 2, nothing on stdout', () => {
  test.each<[readonly string[], RegExp]>([
    [['--verbos', 'make'], /^hgbuild: unknown flag --verbos; did you mean --verbose\?$/],
    [['stast'], /^hgbuild: unknown command stast; did you mean stats\?$/],
    [['stats', '--jsn'], /^hgbuild: unknown flag --jsn; did you mean --json\?$/],
    [['agent', 'strat'], /^hgbuild: unknown command strat; did you mean start\?$/],
    [
      ['stats', '--cache-dir', '/x'],
      /^hgbuild: unknown flag --cache-dir; it stands before the command: hgbuild --cache-dir \.\.\.$/,
    ],
    [['stats', 'extra'], /^hgbuild: too many arguments/],
    [['install-links'], /^hgbuild: missing required argument 'directory'/],
    [['wrap'], /^hgbuild: wrap needs a command: hgbuild wrap COMMAND \[ARGS\]$/],
    [['wrap', '-v', 'make'], /^hgbuild: wrap has no flag -v: /],
    [
      ['--jobs', 'lots', 'make'],
      /^hgbuild: --jobs: "lots" is no value for compile\.jobs: expected a number from 1 to 9999/,
    ],
    [['completion', 'tcsh'], /^hgbuild: there is no completion for "tcsh": bash, zsh, fish$/],
    [['config', 'show', 'cache.dri'], /^hgbuild: unknown setting cache\.dri; did you mean cache\.dir\?$/],
    [['agent', 'logs', '-n', 'x'], /^hgbuild: --lines needs a number, "x" is none$/],
    [['agent', 'serve'], /^hgbuild: agent serve is started by the launcher$/],
    [['cache', 'prune', '--max-size', '10'], /^hgbuild: --max-size: "10" is no size: give its unit, such as 10GiB/],
    [['explain'], /^hgbuild: explain needs a file or a command: /],
    [['explain', '--'], /^hgbuild: explain needs a command after "--": /],
    [['explain', 'a.c', 'b.c'], /^hgbuild: explain takes one file; a command stands after "--": /],
    [['explain', '--', 'no-such-gcc', '-c', 'x.c'], /^hgbuild: no-such-gcc: there is no such compiler in PATH$/],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await hgbuild(args);
    expect(stderr.toString().trimEnd()).toMatch(message);
    expect(status).toBe(2);
    expect(stdout.toString()).toBe('');
  });
});

describe('bin/hgbuild', () => {
  test('runs through any chain of links, from any directory', async () => {
    const first = join(bed.root, 'first');
    const bin = join(bed.root, 'bin');
    mkdirSync(bin);
    symlinkSync(HGBUILD, first);
    symlinkSync('../first', join(bin, 'hgbuild'));
    const direct = await run([join(bin, 'hgbuild'), 'version'], { cwd: '/', env: bed.env });
    expect(direct.stdout.toString()).toMatch(/^hgbuild \d/);
    const byName = await run(['hgbuild', 'launcher'], {
      cwd: bed.work,
      env: { ...bed.env, PATH: `${bin}:${bed.env.PATH}` },
    });
    expect(byName.stdout.toString()).toBe(`${join(HGBUILD, '../../build/hg-launcher')}\n`);
    const relative = await run(['../bin/hgbuild', 'version'], { cwd: bed.work, env: bed.env });
    expect(relative.status).toBe(0);
  });

  test.each([
    ['no node at all', '', /^hgbuild: Node 24 is needed and there is none: run `npm install` in .* install Node 24$/],
    ['an old one', 'echo v20.1.0', /^hgbuild: .*\/node is v20\.1\.0, Node 24 is needed: /],
    ['a strange one', 'echo what', /^hgbuild: .*\/node does not say its version$/],
  ])('without Node 24: %s', async (name, says, message) => {
    // A copy of the installation without its node_modules.
    const copy = join(bed.root, name.replace(/ /g, '-'));
    mkdirSync(join(copy, 'bin'), { recursive: true });
    mkdirSync(join(copy, 'dist'));
    mkdirSync(join(copy, 'path'));
    writeFileSync(join(copy, 'bin/hgbuild'), readFileSync(HGBUILD), { mode: 0o755 });
    writeFileSync(join(copy, 'dist/hgbuild.js'), '');
    for (const tool of ['uname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, join(copy, 'path', tool));
    if (says !== '') writeFileSync(join(copy, 'path/node'), `#!/bin/sh\n${says}\n`, { mode: 0o755 });
    const { status, stderr } = await run([join(copy, 'bin/hgbuild'), 'stats'], {
      env: { ...bed.env, PATH: join(copy, 'path') },
    });
    expect(stderr.toString().trimEnd()).toMatch(message);
    expect(status).toBe(2);
  });

  test('not built yet', async () => {
    const copy = join(bed.root, 'unbuilt');
    mkdirSync(join(copy, 'bin'), { recursive: true });
    writeFileSync(join(copy, 'bin/hgbuild'), readFileSync(HGBUILD), { mode: 0o755 });
    const { status, stderr } = await run([join(copy, 'bin/hgbuild'), 'stats'], { env: bed.env });
    expect(stderr.toString()).toBe(`hgbuild: not built yet: run \`make build\` in ${copy}\n`);
    expect(status).toBe(2);
  });
});
