/** Completion scripts are valid in their shell and know the commands. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SETTING_KEYS } from '../src/config/settings.ts';
import { HGBUILD } from './bed/environment.ts';
import { run, runOk } from './bed/run.ts';
import { testWith, tool } from './bed/tools.ts';

let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hg-completion-'));
  for (const shell of ['bash', 'zsh', 'fish']) {
    writeFileSync(join(directory, shell), (await runOk([HGBUILD, 'completion', shell])).stdout);
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What bash would offer for the words of a line; the last one is being typed. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const script = `source ${directory}/bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hgbuild; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run(['bash', '-c', script, 'bash', 'hgbuild', ...words], { cwd: directory });
  expect(stderr.toString()).toBe('');
  return stdout
    .toString()
    .split('\n')
    .filter((word) => word !== '');
}

describe('bash', () => {
  test('commands, sub-commands, flags, keys', async () => {
    expect(await offered('')).toEqual(
      expect.arrayContaining(['make', 'wrap', 'c++', 'stats', 'cache', 'agent', 'config', 'doctor', 'completion']),
    );
    expect(await offered('st')).toEqual(['stats', 'status']);
    expect(await offered('cache', '')).toEqual(['stats', 'clear', 'prune', 'verify']);
    expect(await offered('agent', 'st')).toEqual(['start', 'stop', 'status']);
    expect(await offered('--c')).toEqual(['--config', '--cache-dir', '--coordinator']);
    expect(await offered('cache', 'prune', '--m')).toEqual(['--max-size']);
    expect(await offered('config', 'show', '')).toEqual([...SETTING_KEYS]);
    expect(await offered('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  test('after global flags and their values', async () => {
    expect(await offered('-v', '--cache-dir', 'make', 'agent', 'sta')).toEqual(['start', 'status']);
    expect(await offered('--jobs', '')).toEqual(['auto']);
  });

  test('files where files are wanted', async () => {
    expect(await offered('explain', 'fi')).toEqual(['fish']);
    expect(await offered('--config', 'z')).toEqual(['zsh']);
    expect(await offered('wrap', 'cmd', 'zs')).toEqual(['zsh']);
  });

  test('what belongs to another tool is completed as that tool', async () => {
    const stub = '_command_offset() { COMPREPLY=("offset $1"); }';
    writeFileSync(join(directory, 'stub'), stub);
    const script = `source ${directory}/stub; source ${directory}/bash; COMP_WORDS=(hgbuild -v wrap tool x); COMP_CWORD=4; _hgbuild; echo "$COMPREPLY"; COMP_WORDS=(hgbuild make x); COMP_CWORD=2; _hgbuild; echo "$COMPREPLY"`;
    expect((await run(['bash', '-c', script])).stdout.toString()).toBe('offset 3\noffset 1\n');
  });
});

describe('the other shells accept theirs', () => {
  testWith([tool('zsh')], 'zsh', async () => {
    await runOk(['zsh', '-n', join(directory, 'zsh')]);
  });
  testWith([tool('fish')], 'fish', async () => {
    await runOk(['fish', '--no-execute', join(directory, 'fish')]);
  });
});
