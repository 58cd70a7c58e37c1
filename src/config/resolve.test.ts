import { describe, expect, test } from 'vitest';
import { fromNative } from '../base/byte-string.ts';
import { describeProblem } from './problem.ts';
import { type FileRead, type FlagValue, type Resolution, resolveSettings } from './resolve.ts';
import { SETTING_KEYS, SETTINGS } from './settings.ts';

interface World {
  readonly files?: Readonly<Record<string, string | FileRead>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly FlagValue[];
  readonly cwd?: string;
  readonly accountHome?: string;
}

const SYSTEM = '/etc/hybridgrid/hybridgrid.yaml';
const USER = '/home/u/.config/hybridgrid/hybridgrid.yaml';
const PROJECT = '/src/tree/hybridgrid.yaml';

function resolveIn({
  files = {},
  env = {},
  flags = [],
  cwd = '/src/tree/sub/dir',
  accountHome,
}: World): Promise<Resolution> {
  return resolveSettings({
    cwd,
    env: { HOME: '/home/u', ...env },
    flags,
    accountHome,
    readFile: (path) => {
      const found = files[path];
      if (found === undefined) return { kind: 'absent' };
      return typeof found === 'string' ? { kind: 'text', text: found, foreign: false } : found;
    },
  });
}

async function settled(world: World): Promise<Extract<Resolution, { ok: true }>> {
  const resolution = await resolveIn(world);
  if (!resolution.ok) throw new Error(resolution.problems.map(describeProblem).join('\n'));
  return resolution;
}

async function problemsOf(world: World): Promise<readonly string[]> {
  const resolution = await resolveIn(world);
  return resolution.ok ? [] : resolution.problems.map(describeProblem);
}

describe('levels', () => {
  const system = 'compile:\n  jobs: 1\n';
  const user = 'compile:\n  jobs: 2\n';
  const project = 'compile:\n  jobs: 3\n';
  const env = { HG_JOBS: '4' };
  const flags: FlagValue[] = [{ key: 'compile.jobs', flag: '--jobs', text: '5' }];

  test.each<[string, World, number | string, object]>([
    ['default', {}, 'tool', { from: 'default' }],
    [
      'system',
      { files: { [SYSTEM]: system } },
      1,
      { from: 'file', level: 'system', place: { path: SYSTEM, line: 2, column: 3 } },
    ],
    ['user over system', { files: { [SYSTEM]: system, [USER]: user } }, 2, { from: 'file', level: 'user' }],
    ['project over user', { files: { [USER]: user, [PROJECT]: project } }, 3, { from: 'file', level: 'project' }],
    ['environment over files', { files: { [PROJECT]: project }, env }, 4, { from: 'environment', variable: 'HG_JOBS' }],
    ['flag over environment', { files: { [PROJECT]: project }, env, flags }, 5, { from: 'flag', flag: '--jobs' }],
  ])('%s', async (_name, world, value, origin) => {
    const { settings, origins } = await settled(world);
    expect(settings['compile.jobs']).toBe(value);
    expect(origins['compile.jobs']).toMatchObject(origin);
  });

  test('the nearest project file alone is the project', async () => {
    const files = { '/hybridgrid.yaml': 'cache:\n  read_only: true\n', [PROJECT]: project };
    const { settings } = await settled({ files });
    expect(settings['cache.read_only']).toBe(false);
    expect(settings['compile.jobs']).toBe(3);
  });

  test('XDG_CONFIG_HOME moves the user file, HG_CONFIG replaces it', async () => {
    const files = {
      '/xdg/hybridgrid/hybridgrid.yaml': 'compile: {jobs: 7}',
      '/mine.yaml': 'compile: {jobs: 8}',
      [USER]: user,
    };
    expect((await settled({ files, env: { XDG_CONFIG_HOME: '/xdg' } })).settings['compile.jobs']).toBe(7);
    expect((await settled({ files, env: { HG_CONFIG: '/mine.yaml' } })).settings['compile.jobs']).toBe(8);
  });

  test('every file looked at is told, present or not', async () => {
    const { files } = await settled({ files: { [PROJECT]: '' } });
    expect(files.map(({ path, present }) => [path, present])).toEqual([
      [SYSTEM, false],
      [USER, false],
      ['/src/tree/sub/dir/hybridgrid.yaml', false],
      ['/src/tree/sub/hybridgrid.yaml', false],
      [PROJECT, true],
    ]);
  });

  test("a stranger's project file is passed over", async () => {
    const foreign: FileRead = { kind: 'text', text: 'nonsense: [', foreign: true };
    const { files } = await settled({ files: { [PROJECT]: foreign } });
    expect(files.find(({ path }) => path === PROJECT)).toEqual({
      path: PROJECT,
      level: 'project',
      present: true,
      ignored: true,
    });
  });
});

describe('values', () => {
  const spellings: Record<string, readonly [text: string, value: unknown]> = {
    'cache.enabled': ['no', false],
    'cache.dir': ['~/hg', '/home/u/hg'],
    'cache.max_size': ['500MB', 500_000_000],
    'cache.compress_after': ['never', Number.POSITIVE_INFINITY],
    'cache.read_only': ['yes', true],
    'cache.recache': ['on', true],
    'cache.base_dirs': ['[a, /b/, ~/c]', ['/home/u/.config/hybridgrid/a', '/b', '/home/u/c']],
    'cache.remote_storage': ['[http://h/c|read-only, redis://h]', ['http://h/c|read-only', 'redis://h']],
    'agent.idle_exit': ['1h30m', 5_400_000],
    'agent.log_level': ['debug', 'debug'],
    'agent.log_size': ['1MiB', 1024 ** 2],
    'compile.allow_script_compilers': ['[/opt/x/gcc]', ['/opt/x/gcc']],
    'compile.jobs': ['auto', 'auto'],
    'compile.verbose': ['true', true],
    'compile.quiet': ['1', true],
    'compile.verify': ['0.5%', 0.005],
    'grid.coordinator': ['build-box:9000', 'build-box:9000'],
    'grid.token_file': ['~/token', '/home/u/token'],
    'grid.local_slots': ['3', 3],
    'grid.fallback': ['no', false],
    'grid.direct': ['no', false],
    'grid.tls_ca': ['~/ca.pem', '/home/u/ca.pem'],
    'grid.tls_cert': ['/c.pem', '/c.pem'],
    'grid.tls_key': ['/k.pem', '/k.pem'],
    'coordinator.host': ['0.0.0.0', '0.0.0.0'],
    'coordinator.grpc_port': ['9100', 9100],
    'coordinator.http_port': ['0', 0],
    'coordinator.data_dir': ['~/data', '/home/u/data'],
    'coordinator.max_size': ['1GiB', 1024 ** 3],
    'coordinator.heartbeat': ['2s', 2_000],
    'coordinator.tls_cert': ['/c.pem', '/c.pem'],
    'coordinator.tls_key': ['/k.pem', '/k.pem'],
    'coordinator.tls_client_ca': ['/ca.pem', '/ca.pem'],
    'coordinator.insecure': ['yes', true],
    'worker.slots': ['0', 0],
    'worker.work_dir': ['/srv/w', '/srv/w'],
    'worker.max_size': ['unlimited', Number.POSITIVE_INFINITY],
    'worker.name': ['box-1', 'box-1'],
    'worker.own_toolchains': ['true', true],
    'worker.listen': ['box-1:9100', 'box-1:9100'],
    'worker.insecure': ['on', true],
  };

  test.each(SETTING_KEYS)('%s from the user file', async (key) => {
    const [text, value] = spellings[key] ?? ['', undefined];
    const [section, leaf] = key.split('.');
    const { settings, origins } = await settled({ files: { [USER]: `${section}:\n  ${leaf}: ${text}\n` } });
    expect(settings[key]).toEqual(value);
    expect(origins[key].from).toBe('file');
  });

  test.each(SETTING_KEYS)('%s from its variable', async (key) => {
    const [text = ''] = spellings[key] ?? [];
    const { variable, inverted } = SETTINGS[key];
    // In the environment lists are colon-separated and relative paths mean nothing.
    const plain = key === 'cache.base_dirs' ? '/a:/b' : text.replace(/[[\],]/g, '');
    const { settings, origins } = await settled({ env: { [variable]: inverted === true ? '1' : plain } });
    expect(settings[key]).not.toEqual(SETTINGS[key].initial);
    expect(origins[key]).toEqual({ from: 'environment', variable });
  });

  test('what is written is read back', async () => {
    for (const key of SETTING_KEYS) {
      const [text = ''] = spellings[key] ?? [];
      const [section, leaf] = key.split('.');
      const { settings } = await settled({ files: { [USER]: `${section}:\n  ${leaf}: ${text}\n` } });
      const written = (SETTINGS[key].type.write as (value: unknown) => string)(settings[key]);
      const again = await settled({ files: { [USER]: `${section}:\n  ${leaf}: ${written}\n` } });
      expect(again.settings[key]).toEqual(settings[key]);
    }
  });

  test('HG_DISABLE=0 and an empty variable switch nothing off', async () => {
    expect((await settled({ env: { HG_DISABLE: '0' } })).settings['cache.enabled']).toBe(true);
    expect((await settled({ env: { HG_DISABLE: '' } })).origins['cache.enabled']).toEqual({ from: 'default' });
  });

  test('a path that is not UTF-8 stays the bytes it is', async () => {
    const cwd = '/src/t\xffr';
    const { settings } = await settled({ cwd, files: { [`${cwd}/hybridgrid.yaml`]: 'cache: {base_dirs: [.]}' } });
    expect(settings['cache.base_dirs']).toEqual([cwd]);
  });

  test('non-ASCII text in a file is its UTF-8 bytes', async () => {
    const text = fromNative('cache: {dir: /tmp/größe}');
    const { settings } = await settled({ files: { [USER]: text } });
    expect(Buffer.from(settings['cache.dir'], 'latin1').toString('utf8')).toBe('/tmp/größe');
  });

  test('anchors and aliases', async () => {
    const files = { [USER]: 'cache: {base_dirs: &list [/a, /b]}\ncompile: {allow_script_compilers: *list}' };
    expect((await settled({ files })).settings['compile.allow_script_compilers']).toEqual(['/a', '/b']);
  });
});

describe('where the cache is', () => {
  test.each<[string, World, string]>([
    ['HOME', {}, '/home/u/.cache/hybridgrid'],
    ['XDG_CACHE_HOME', { env: { XDG_CACHE_HOME: '/x' } }, '/x/hybridgrid'],
    ['a relative XDG_CACHE_HOME does not count', { env: { XDG_CACHE_HOME: 'x' } }, '/home/u/.cache/hybridgrid'],
    ['the account database', { env: { HOME: '' }, accountHome: '/home/db' }, '/home/db/.cache/hybridgrid'],
    ['--cache-dir from here', { flags: [{ key: 'cache.dir', flag: '--cache-dir', text: 'c' }], cwd: '/w' }, '/w/c'],
  ])('%s', async (_name, world, dir) => expect((await settled(world)).settings['cache.dir']).toBe(dir));

  test('nowhere', async () => {
    expect(await problemsOf({ env: { HOME: '' } })).toEqual([
      'there is no place for the cache: HOME and XDG_CACHE_HOME are not set; set HG_CACHE_DIR',
    ]);
  });
});

describe('errors name the place and the remedy', () => {
  test.each<[string, World, readonly string[]]>([
    [
      'unknown key',
      { files: { [USER]: 'cache:\n  max_sze: 1GiB\n' } },
      [`${USER}:2:3: unknown key "cache.max_sze"; did you mean "max_size"?`],
    ],
    [
      'unknown section',
      { files: { [USER]: '\ncahce:\n  dir: /x\n' } },
      [`${USER}:2:1: unknown key "cahce"; did you mean "cache"?`],
    ],
    [
      'key without its section',
      { files: { [USER]: 'max_size: 1GiB\n' } },
      [`${USER}:1:1: unknown key "max_size"; did you mean "cache.max_size"?`],
    ],
    [
      'key of another section',
      { files: { [USER]: 'agent:\n  jobs: 1\n' } },
      [`${USER}:2:3: unknown key "agent.jobs"; did you mean "compile.jobs"?`],
    ],
    [
      'bad share',
      { env: { HG_VERIFY: '101%' } },
      [
        'HG_VERIFY: "101%" is no value for compile.verify: expected a share from 0% to 100%, such as 1% or 0.5%, or "off"',
      ],
    ],
    [
      'bad size',
      { files: { [USER]: 'cache:\n  max_size: 10\n' } },
      [
        `${USER}:2:3: "10" is no value for cache.max_size: expected a size with its unit, such as 10GiB or 500MB, or "unlimited"`,
      ],
    ],
    [
      'bad list',
      { files: { [USER]: 'cache:\n  base_dirs: {a: b}\n' } },
      [`${USER}:2:3: "{"a":"b"}" is no value for cache.base_dirs: expected a list of paths`],
    ],
    [
      'bad variable',
      { env: { HG_IDLE_EXIT: 'soon' } },
      [
        'HG_IDLE_EXIT: "soon" is no value for agent.idle_exit: expected a duration with its unit, such as 90s, 10m or 2d, or "never"',
      ],
    ],
    [
      'relative variable',
      { env: { HG_CACHE_DIR: 'cache' } },
      ['HG_CACHE_DIR: "cache" is no value for cache.dir: expected an absolute path'],
    ],
    [
      'missing HG_CONFIG',
      { env: { HG_CONFIG: '/no.yaml' } },
      ['HG_CONFIG names /no.yaml, which does not exist or cannot be reached'],
    ],
    [
      'unreadable',
      { files: { [USER]: { kind: 'unreadable', message: 'EACCES' } } },
      [`${USER}: cannot be read: EACCES`],
    ],
    [
      'section without keys',
      { files: { [USER]: 'cache: 3\n' } },
      [`${USER}:1:1: "cache" holds settings, one \`key: value\` a line`],
    ],
    ['no sections', { files: { [USER]: '- a\n' } }, [`${USER}:1:1: expected sections such as \`cache:\``]],
  ])('%s', async (_name, world, problems) => expect(await problemsOf(world)).toEqual(problems));

  test('syntax', async () => {
    const [problem = ''] = await problemsOf({ files: { [USER]: 'cache:\n  dir: [a\n' } });
    expect(problem).toMatch(/^\/home\/u\/.config\/hybridgrid\/hybridgrid.yaml:3:1: /);
  });

  test('a key twice', async () => {
    const [problem = ''] = await problemsOf({ files: { [USER]: 'cache:\n  dir: /a\n  dir: /b\n' } });
    expect(problem).toMatch(/:3:3: .*unique/);
  });

  test('all of them at once', async () => {
    const files = { [SYSTEM]: 'x: 1', [USER]: 'cache: {dir: 1, y: 2}' };
    expect(await problemsOf({ files, env: { HG_JOBS: 'many' } })).toHaveLength(4);
  });
});

describe('a project file', () => {
  test.each(SETTING_KEYS)('%s', async (key) => {
    const [section, leaf] = key.split('.');
    const problems = await problemsOf({ files: { [PROJECT]: `${section}:\n  ${leaf}: !\n` } });
    const refused = problems.some((problem) =>
      problem.startsWith(`${PROJECT}:2:3: "${key}" may not be set by a project's file`),
    );
    expect(refused).toBe(!SETTINGS[key].projectMaySet);
  });

  test('never says where the cache is, which agent serves, or which scripts are trusted', () => {
    const allowed = SETTING_KEYS.filter((key) => SETTINGS[key].projectMaySet);
    expect(allowed).toEqual([
      'cache.enabled',
      'cache.read_only',
      'cache.recache',
      'cache.base_dirs',
      'compile.jobs',
      'compile.verbose',
      'compile.quiet',
      'compile.verify',
    ]);
  });

  test("one's own file stays one's own below its directory", async () => {
    const { settings } = await settled({ cwd: '/home/u/.config/hybridgrid', files: { [USER]: 'cache: {dir: /d}' } });
    expect(settings['cache.dir']).toBe('/d');
  });
});
