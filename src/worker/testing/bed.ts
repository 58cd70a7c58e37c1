/** What the tests of this room share: the helper built anew, and plans that hold what a real compiler needs. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { findTool, type Need, need } from '../../../test/bed/tools.ts';
import { namespaceSandbox, type Sandbox } from '../sandbox.ts';
import { COMPILE_LIMITS, type SandboxPlan } from '../sandbox-plan.ts';

const NATIVE = join(import.meta.dirname, '../../../native');

/** A directory that is removed when the file's tests are done. */
export function temporaryDirectory(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), 'hg-worker-')));
  temporary.push(made);
  return made;
}

const temporary: string[] = [];
// Here and not where they are made: a hook that a running test registers never runs.
afterAll(() => {
  for (const path of temporary.splice(0)) rmSync(path, { recursive: true, force: true });
});

let built: string | undefined;

/** The helper, compiled once per test file; undefined where there is no compiler. */
export function nsrun(): string {
  if (built !== undefined) return built;
  built = join(temporaryDirectory(), 'hg-nsrun');
  execFileSync('cc', [
    '-std=gnu11',
    '-O1',
    '-static',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    built,
    join(NATIVE, 'nsrun.c'),
  ]);
  return built;
}

/** A compiler, and namespaces, which containers often forbid even to root. */
export const sandboxes: Need = need(() => {
  if (findTool('cc') === undefined) return 'no cc on this machine';
  if (findTool('unshare') === undefined) return 'no unshare on this machine';
  const tried = spawnSync('unshare', [...(process.getuid?.() === 0 ? [] : ['-Ur']), '-mpnui', '--fork', 'true']);
  return tried.status === 0 ? undefined : 'namespaces are not allowed here';
});

/** A plan with nothing in it. */
export const EMPTY: SandboxPlan = {
  home: '',
  files: [],
  directories: [],
  writable: [],
  links: [],
  argv: [],
  env: [],
  cwd: '/',
  outputs: [],
  limits: { ...COMPILE_LIMITS, wallMs: 60_000, memoryBytes: 4 * 2 ** 30 },
};

const sandboxesMade: Sandbox[] = [];
afterAll(async () => {
  await Promise.all(sandboxesMade.splice(0).map((sandbox) => sandbox.close()));
});

/** A sandbox with a mount point of its own, ended when the file's tests are done. */
export function newSandbox(): Sandbox {
  const places = { mountPoint: temporaryDirectory(), directory: temporaryDirectory() };
  const made = namespaceSandbox({ nsrun: nsrun(), ...places });
  sandboxesMade.push(made);
  return made;
}

/** A static program made from C text. */
export function program(text: string): string {
  const directory = temporaryDirectory();
  const path = join(directory, 'program');
  execFileSync('cc', ['-O1', '-static', '-x', 'c', '-', '-o', path], { input: text });
  return path;
}

/** Files and links by path: what a node set holds, as the client gathers it. */
export interface Nodes {
  readonly files: Map<string, string>;
  readonly links: Map<string, string>;
}

/** Adds a file with every link on the way to it. */
export function addPath(nodes: Nodes, path: string): void {
  const parts = path.split('/').filter((part) => part !== '');
  let at = '';
  while (parts.length > 0) {
    const name = parts.shift() as string;
    if (name === '.') continue;
    if (name === '..') {
      at = dirname(at) === '/' ? '' : dirname(at);
      continue;
    }
    const next = `${at}/${name}`;
    const found = lstatSync(next);
    if (!found.isSymbolicLink()) {
      at = next;
      continue;
    }
    const target = readlinkSync(next);
    nodes.links.set(next, target);
    parts.unshift(...target.split('/').filter((part) => part !== ''));
    if (target.startsWith('/')) at = '';
  }
  if (lstatSync(at).isFile()) nodes.files.set(at, at);
}

/** The programs and libraries of a compiler, with the links that lead to them. */
export function compilerParts(compiler: string): Nodes {
  const nodes: Nodes = { files: new Map(), links: new Map() };
  const path = findTool(compiler) as string;
  const names = ['cc1', 'cc1plus', 'as'].map((name) => said(path, `-print-prog-name=${name}`));
  const programs = [path, ...names]
    .map((name) => (name.startsWith('/') ? name : findTool(name)))
    .filter((p) => p && existsSync(p));
  for (const each of programs as string[]) {
    addPath(nodes, each);
    const listed = spawnSync('ldd', [each], { encoding: 'utf8' }).stdout;
    for (const [, library] of listed.matchAll(/(\/\S+) \(0x/g)) addPath(nodes, library as string);
  }
  // clang looks for a gcc installation by this file.
  if (compiler.startsWith('clang'))
    for (const version of readdirSync('/usr/lib/gcc/x86_64-linux-gnu'))
      addPath(nodes, `/usr/lib/gcc/x86_64-linux-gnu/${version}/crtbegin.o`);
  return nodes;
}

function said(compiler: string, question: string): string {
  return execFileSync(compiler, [question], { encoding: 'utf8' }).trim();
}

/** What a compile reads, by the compiler's own list, and the directories it searches. */
export function compileInputs(
  compiler: string,
  args: readonly string[],
  cwd: string,
): Nodes & { directories: string[] } {
  const nodes: Nodes = { files: new Map(), links: new Map() };
  const listed = execFileSync(compiler, ['-M', ...args], { cwd, encoding: 'utf8' });
  const read = listed
    .replace(/^[^:]*:/, '')
    .replaceAll('\\\n', ' ')
    .trim()
    .split(/\s+/);
  for (const path of read) addPath(nodes, path.startsWith('/') ? path : join(cwd, path));
  const search = spawnSync(compiler, ['-E', '-v', ...args], { cwd, encoding: 'utf8' }).stderr;
  const between = /search starts here:\n([\s\S]*)End of search list/.exec(search)?.[1] ?? '';
  const directories = between
    .split('\n')
    .filter((line) => line.startsWith(' /'))
    .map((line) => line.trim());
  return { ...nodes, directories: directories.map((path) => realpathSync(path)) };
}

/** Files and links as a plan takes them. */
export function laid(...sets: readonly Nodes[]): Pick<SandboxPlan, 'files' | 'links'> {
  const files = new Map(sets.flatMap((set) => [...set.files]));
  const links = new Map(sets.flatMap((set) => [...set.links]));
  return {
    files: [...files].map(([path, source]) => ({ path, source, version: '' })),
    links: [...links].map(([path, target]) => ({ path, target })),
  };
}

/** The text of a copied output. */
export function contentOf(output: { kind: string; path?: string } | undefined): Buffer {
  if (output?.kind !== 'present' || output.path === undefined) throw new Error(`not there: ${JSON.stringify(output)}`);
  return readFileSync(output.path);
}
