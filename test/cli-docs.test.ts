/** The documentation names everything there is, and the JSON it describes is the JSON that is printed. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REFUSALS } from '../src/base/refusal.ts';
import { EXIT } from '../src/cli/exit-codes.ts';
import { GLOBAL_FLAGS } from '../src/cli/global-flags.ts';
import { OTHER_VARIABLES, SETTING_KEYS, SETTINGS } from '../src/config/settings.ts';
import { STORAGE_ATTRIBUTES } from '../src/config/storage-address.ts';
import { S3_VARIABLES } from '../src/config/storage-credentials.ts';
import { type Bed, HGBUILD, makeBed } from './bed/environment.ts';
import { run, runOk } from './bed/run.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

let bed: Bed;
beforeAll(() => {
  bed = makeBed();
});
afterAll(() => bed.remove());

describe('docs/configuration.md', () => {
  const text = read('docs/configuration.md');
  test.each(SETTING_KEYS)('%s', (key) => {
    const { variable, initial, usually, type, projectMaySet } = SETTINGS[key];
    const row = text.split('\n').find((line) => line.startsWith(`| \`${key}\` |`)) ?? '';
    expect(row).toContain(`\`${variable}\``);
    expect(row).toContain(`\`${usually ?? (type.write as (value: unknown) => string)(initial)}\``);
    expect(row.trimEnd().endsWith(projectMaySet ? '| yes |' : '| no |')).toBe(true);
  });
  test.each([...Object.keys(OTHER_VARIABLES), ...S3_VARIABLES])('%s', (name) => expect(text).toContain(`\`${name}\``));
});

describe('docs/commands.md', () => {
  const text = read('docs/commands.md');
  test.each(GLOBAL_FLAGS)('$long', ({ long, short, takes }) => {
    const spelled = `\`${long}${takes === undefined ? '' : ` ${takes}`}\``;
    expect(text).toContain(short === undefined ? `| ${spelled} |` : `| \`${short}\`, ${spelled} |`);
  });

  test('every command and sub-command of the help', async () => {
    const help = (await runOk([HGBUILD, '--help'], { env: bed.env })).stdout.toString();
    const commands = [...help.matchAll(/^ {2}([a-z][a-z+-]*)(?: |$)/gm)].map(([, name = '']) => name);
    expect(commands.length).toBeGreaterThan(14);
    for (const command of commands) {
      expect(text).toMatch(new RegExp(`\\b${command.replaceAll('+', '\\+')}`));
      const own = await run([HGBUILD, 'help', command], { env: bed.env });
      for (const [flag] of own.stdout.toString().matchAll(/--[a-z][a-z-]+/g)) {
        if (!['--help', '--json', '--follow', '--lines'].includes(flag)) expect(text).toContain(flag);
      }
    }
  });
});

test.each(Object.keys(REFUSALS))('docs/troubleshooting.md explains %s', (reason) => {
  expect(read('docs/troubleshooting.md')).toContain(`| \`${reason}\` |`);
});

test.each(Object.values(STORAGE_ATTRIBUTES).flat())('docs/remote-storage.md explains |%s', (name) => {
  expect(read('docs/remote-storage.md')).toMatch(new RegExp(`^\\|.*\`${name}[=\`].*\\|$`, 'm'));
});

test('docs/exit-codes.md has every code', () => {
  const text = read('docs/exit-codes.md');
  for (const code of Object.values(EXIT)) expect(text).toMatch(new RegExp(`^\\| ${code}\\b`, 'm'));
});

describe('docs/json.md', () => {
  const text = read('docs/json.md');

  /** Every name in a printed value, however deep; what stands below a reason, a check or a key is data. */
  function namesOf(value: unknown): readonly string[] {
    if (Array.isArray(value)) return value.flatMap(namesOf);
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, inner]) => {
      const isData = ['refusals', 'storeFailures', 'settings'].includes(name);
      return [name, ...(isData ? [] : namesOf(inner))];
    });
  }

  test.each([
    [['stats']],
    [['cache', 'stats']],
    [['cache', 'prune']],
    [['cache', 'clear']],
    [['cache', 'verify']],
    [['agent', 'start']],
    [['agent', 'status']],
    [['config', 'show']],
    [['config', 'check']],
    [['doctor']],
    [['version']],
    [['install-links', 'links']],
    [['explain', '--', 'gcc', '-c', 'x.c']],
    [['explain', '--', 'gcc', '-c', 'x.c', '-fplugin=p']],
    [['agent', 'stop']],
  ])('%j', async (args) => {
    const at = args.indexOf('--');
    const words = at < 0 ? [...args, '--json'] : ['--json', ...args];
    const { stdout, stderr } = await run([HGBUILD, ...words], { cwd: bed.work, env: bed.env });
    expect(stderr.toString()).toBe('');
    for (const name of namesOf(JSON.parse(stdout.toString()))) expect(text).toContain(`\`${name}\``);
  });
});

test('every link between the documents leads somewhere', () => {
  const files = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...['commands', 'configuration', 'exit-codes', 'json', 'remote-storage', 'troubleshooting'].map(
      (name) => `docs/${name}.md`,
    ),
  ];
  for (const file of files) {
    for (const [, target = '', anchor] of read(file).matchAll(/\]\(([^)#:]*)(#[^)]*)?\)/g)) {
      const path = target === '' ? file : join(dirname(file), target);
      expect(existsSync(join(ROOT, path)), `${file} -> ${path}`).toBe(true);
      if (anchor === undefined) continue;
      const headings = [...read(path).matchAll(/^#+ (.*)$/gm)].map(
        ([, title = '']) =>
          `#${title
            .toLowerCase()
            .replace(/[^\w -]/g, '')
            .replaceAll(' ', '-')}`,
      );
      expect(headings, `${file} -> ${path}${anchor}`).toContain(anchor);
    }
  }
});
