import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { installLinks, linkDirectory } from './link-directory.ts';

const root = mkdtempSync(join(tmpdir(), 'hg-links-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  env = { HOME: mkdtempSync(join(root, 'home-')) };
});

const LAUNCHER = '/opt/hg/build/hg-launcher';
const make = (names: readonly string[]): string => linkDirectory(LAUNCHER, names, env) ?? 'none';

test('links for the names, the same directory for the same names', () => {
  const directory = make(['cc', 'gcc']);
  expect(directory.startsWith(join(env.HOME ?? '', '.local/state/hybridgrid/links/'))).toBe(true);
  expect(readdirSync(directory)).toEqual(['cc', 'gcc']);
  expect(readlinkSync(join(directory, 'gcc'))).toBe(LAUNCHER);
  expect(make(['cc', 'gcc'])).toBe(directory);
  expect(make(['cc'])).not.toBe(directory);
});

test('what was damaged is made again', () => {
  const directory = make(['cc', 'gcc']);
  unlinkSync(join(directory, 'gcc'));
  symlinkSync('/bin/false', join(directory, 'gcc'));
  expect(make(['cc', 'gcc'])).toBe(directory);
  expect(readlinkSync(join(directory, 'gcc'))).toBe(LAUNCHER);
  writeFileSync(join(directory, 'ls'), 'an intruder');
  make(['cc', 'gcc']);
  expect(readdirSync(directory)).toEqual(['cc', 'gcc']);
});

test('XDG_STATE_HOME, and the temporary directory where the home is none', () => {
  const state = join(env.HOME ?? '', 'state');
  mkdirSync(state);
  env = { XDG_STATE_HOME: state };
  expect(make(['cc']).startsWith(`${state}/hybridgrid/links/`)).toBe(true);
  env = {};
  expect(make(['cc']).startsWith(join(tmpdir(), 'hybridgrid-'))).toBe(true);
});

test('a directory with a colon cannot stand in PATH', () => {
  const home = join(root, 'a:b');
  mkdirSync(home);
  env = { HOME: home };
  expect(make(['cc'])).not.toContain('a:b');
});

test('install-links replaces links of ours and nothing else', () => {
  const directory = join(root, 'bin');
  installLinks(directory, '/old/build/hg-launcher', ['gcc', 'cc']);
  symlinkSync('/usr/bin/clang', join(directory, 'clang'));
  expect(installLinks(directory, LAUNCHER, ['gcc', 'cc', 'clang'])).toEqual({ made: ['gcc', 'cc'], kept: ['clang'] });
  expect(readdirSync(directory).sort()).toEqual(['cc', 'clang', 'gcc']);
  expect(readlinkSync(join(directory, 'gcc'))).toBe(LAUNCHER);
});
