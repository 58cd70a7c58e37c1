/** The walls between the rooms, as data with a reason each. A new room or a new way between rooms is added here. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type SourceFile, sizeBreaches, type Wall, wallBreaches } from './bed/walls.ts';

const ROOT = join(import.meta.dirname, '..');

/** What a pure room has no access to: the clock, chance, the process and timers. */
const IMPURE = [
  'process',
  'globalThis',
  'Date.now',
  'Math.random',
  'performance',
  'crypto',
  'fetch',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
]; // prettier-ignore
/** Hashing is a function of its argument; the rest of node:crypto is not. */
const HASHING = ['node:crypto#hash', 'node:crypto#createHash'];

/** Files of includes/ that touch the file system; everything else in the room works on text it is given. */
const INCLUDES_WITH_IO: readonly string[] = [];

const WALLS: readonly Wall[] = [
  {
    of: ['src/base'],
    because: 'base is what every room shares: it knows no other room, no I/O, no clock, no chance, no environment',
    mayImport: [],
    mayUseModules: HASHING,
    mustNotUse: IMPURE,
  },
  {
    of: ['src/compiler'],
    because: 'what a command line means is a function of the line: it is fuzzed a million times and must not do I/O',
    mayImport: ['src/base'],
    mayUseModules: [...HASHING, 'node:path#posix'],
    mustNotUse: IMPURE,
  },
  {
    of: ['src/includes'],
    except: INCLUDES_WITH_IO,
    because: 'which files a source can see follows from texts and a port that answers for the file system',
    mayImport: ['src/base', 'src/compiler'],
    mayUseModules: HASHING,
    mustNotUse: IMPURE,
  },
  {
    of: ['src/cas', 'src/observe', 'src/config'],
    because: 'blobs, logs and settings are used by the other rooms and know none of them',
    mayImport: ['src/base'],
  },
  {
    of: ['src/storage'],
    because: 'a storage keeps bytes under names: what they mean, and whether they are true, is for others to say',
    mayImport: ['src/base', 'src/config', 'src/contract/http.ts', 'src/contract/patience.ts'],
  },
  {
    of: ['src/cache'],
    because: 'answers by fingerprint rest on the compiler model, the includes and the blobs, never on who asks',
    mayImport: ['src/base', 'src/compiler', 'src/includes', 'src/cas'],
  },
  {
    of: ['src/scheduler'],
    because: 'who runs what next is a function of states and events: it is simulated with ten thousand workers',
    mayImport: ['src/base'],
    mayUseModules: [],
    mustNotUse: IMPURE,
  },
  {
    of: ['src/contract'],
    because: 'the contract turns wire messages into values and back, whoever sends them',
    mayImport: ['src/base'],
  },
  {
    of: ['src/agent'],
    because:
      'the agent meets coordinator and worker on the wire only, and is composed by the command line, not by itself',
    mustNotImport: ['src/cli', 'src/coordinator', 'src/worker'],
  },
  {
    of: ['src/coordinator'],
    because: 'the coordinator meets agent and worker on the wire only',
    mustNotImport: ['src/cli', 'src/agent', 'src/worker'],
  },
  {
    of: ['src/worker'],
    because: 'the worker meets agent and coordinator on the wire only',
    mustNotImport: ['src/cli', 'src/agent', 'src/coordinator'],
  },
  {
    of: ['src'],
    except: ['src/cli'],
    because: 'parts are composed, environment and arguments read and exit codes made in cli only',
    mustNotImport: ['src/cli', 'test', 'scripts', 'bench', 'demo'],
    mustNotUse: ['process.env', 'process.argv', 'process.exit', 'process.exitCode', 'globalThis.process'],
  },
];

/** The rooms that exist or will: a folder outside this list is a decision to be written down here. */
const ROOMS = [
  'base',
  'compiler',
  'includes',
  'contract',
  'cas',
  'cache',
  'agent',
  'scheduler',
  'jobs',
  'coordinator',
  'worker',
  'recipes',
  'discovery',
  'storage',
  'config',
  'observe',
  'cli',
]; // prettier-ignore

function sources(...patterns: readonly string[]): SourceFile[] {
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

const isTest = (path: string): boolean => /\.(test|contract)\.ts$|\/testing\/|\/generated\//.test(path);
const PROGRAM = sources('src/**/*.ts').filter((file) => !isTest(file.path));

test('no file reaches through a wall', () => {
  expect(PROGRAM.length).toBeGreaterThan(5);
  expect(wallBreaches(PROGRAM, WALLS)).toEqual([]);
});

test('every room is one of the house, and none is a drawer', () => {
  const rooms = new Set(PROGRAM.map((file) => file.path.split('/')[1] ?? ''));
  expect([...rooms].filter((room) => !ROOMS.includes(room))).toEqual([]);
  const drawers = sources('{src,test,bench,scripts,demo}/**/*.ts').filter(({ path }) =>
    /(^|\/)(core|common|utils?)(\/|\.ts$)/.test(path),
  );
  expect(drawers.map((file) => file.path)).toEqual([]);
});

test('files stay short enough to read', () => {
  const limits = { p90: 250, max: 500, explainAbove: 400 };
  expect(
    sizeBreaches([...PROGRAM, ...sources('{test,bench,scripts,demo}/**/*.ts').filter((f) => !isTest(f.path))], limits),
  ).toEqual([]);
});

test('there are no default exports', () => {
  const found = PROGRAM.filter(({ text }) => /^export default\b/m.test(text));
  expect(found.map((file) => file.path)).toEqual([]);
});

const bad = (path: string, text: string): string[] => wallBreaches([{ path, text }], WALLS);

test.each([
  ['src/base/x.ts', "import { readFileSync } from 'node:fs';"],
  ['src/base/x.ts', "import { randomBytes } from 'node:crypto';"],
  ['src/base/x.ts', "import * as crypto from 'node:crypto';"],
  ['src/base/x.ts', "export { y } from '../compiler/y.ts';"],
  ['src/base/x.ts', 'export const now = (): number => Date.now();'],
  ['src/compiler/x.ts', 'const home = process.env.HOME;'],
  ['src/compiler/x.ts', 'const home = process\n  .env\n  .HOME;'],
  ['src/compiler/x.ts', "const fs = await import('node:fs');"],
  ['src/compiler/x.ts', 'const fs = await import(name);'],
  ['src/compiler/x.ts', "import '../cache/x.ts';"],
  ['src/includes/scanner.ts', "import { statSync } from 'node:fs';"],
  ['src/includes/scanner.ts', "import {\n  type A,\n  b,\n} from '../agent/y.ts';"],
  ['src/cas/x.ts', "import type { Y } from '../cache/y.ts';"],
  ['src/agent/x.ts', "import { run } from '../cli/run.ts';"],
  ['src/agent/x.ts', "import { y } from '../worker/y.ts';"],
  ['src/agent/x.ts', 'process.exit(1);'],
  ['src/agent/x.ts', 'const t = `home $' + '{process.env.HOME}`;'],
  ['src/cache/x.ts', "import { y } from '../../test/bed/y.ts';"],
  ['src/storage/x.ts', "import type { Y } from '../contract/stored-result.ts';"],
])('a wall stops %s: %s', (path, text) => {
  expect(bad(path, text)).not.toEqual([]);
});

test.each([
  ['src/base/x.ts', "import { hash } from 'node:crypto';"],
  ['src/base/x.ts', "// import { readFileSync } from 'node:fs';\nconst s = \"import 'node:fs'\";"],
  ['src/base/x.ts', "const r = /import 'node:fs'/;\nconst t = `process.env`;"],
  ['src/compiler/x.ts', "import { sha256 } from '../base/digest.ts';\nimport { y } from './y.ts';"],
  ['src/compiler/x.ts', 'export const f = (x: { process: number }): number => x.process;'],
  ['src/agent/x.ts', "import { connect } from 'node:net';\nimport { y } from '../cas/y.ts';"],
  ['src/cli/x.ts', 'process.exitCode = Number(process.env.X);'],
])('a wall lets pass %s: %s', (path, text) => {
  expect(bad(path, text)).toEqual([]);
});

test('the size limits can fail', () => {
  const file = (path: string, lines: number, head = ''): SourceFile => ({ path, text: head + 'x\n'.repeat(lines) });
  const limits = { p90: 250, max: 500, explainAbove: 400 };
  expect(sizeBreaches([file('a.ts', 501)], { ...limits, p90: 600 })).toHaveLength(1);
  expect(sizeBreaches([file('a.ts', 450)], { ...limits, p90: 600 })).toHaveLength(1);
  expect(sizeBreaches([file('a.ts', 450, '/** Long: one table. */\n')], { ...limits, p90: 600 })).toEqual([]);
  expect(sizeBreaches([file('a.ts', 251), file('b.ts', 10)], limits)).toHaveLength(1);
  expect(sizeBreaches([file('a.ts', 250), file('b.ts', 10)], limits)).toEqual([]);
});
