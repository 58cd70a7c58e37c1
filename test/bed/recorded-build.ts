/**
 * A real build, taken apart: its compiler calls are recorded once and can then be run again one by one, by the plain
 * compiler or through the cache, so that status, stdout and stderr are compared call by call and files all together.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bed, LAUNCHER } from './environment.ts';
import { inParallel, run, runOk } from './run.ts';
import { findTool } from './tools.ts';
import { isCompilerOutput, readTree, type Tree, treeDifferences } from './tree.ts';

/** One compiler call: a name to be found in PATH and its arguments. */
export interface Call {
  readonly cwd: string;
  readonly compiler: string;
  readonly args: readonly string[];
}

/** What a list of calls left behind. `shown` has one line per call: status, signal, stdout and stderr. */
export interface Outcome {
  readonly shown: readonly string[];
  readonly tree: Tree;
}

const COMPILERS = ['gcc', 'cc', 'g++', 'c++', 'clang', 'clang++'];

/** Runs a build once with scripts before the compilers in PATH that write down every call. Only compiles are kept. */
export async function recordBuild(bed: Bed, directory: string, argv: readonly string[]): Promise<Call[]> {
  const calls = join(bed.root, 'calls');
  const recorders = join(bed.root, 'recorders');
  for (const path of [calls, recorders]) mkdirSync(path, { recursive: true });
  for (const name of COMPILERS) {
    const real = findTool(name);
    if (real === undefined) continue;
    const script = `#!/bin/sh\nprintf '%s\\0' "$PWD" '${name}' "$@" > '${calls}'/$$\nexec '${real}' "$@"\n`;
    writeFileSync(join(recorders, name), script);
    chmodSync(join(recorders, name), 0o755);
  }
  await runOk(argv, { cwd: directory, env: { ...bed.env, PATH: `${recorders}:${bed.env.PATH}` } });
  const found = readdirSync(calls).map((file) => parseCall(readFileSync(join(calls, file), 'utf8')));
  rmSync(calls, { recursive: true });
  // Makefiles try out options on a source that they write and delete again: nothing to run a second time.
  const there = (call: Call): boolean =>
    call.args.some((arg) => /\.(c|cc|cpp|S)$/.test(arg) && existsSync(join(call.cwd, arg)));
  const compiles = found.filter((call) => call.args.includes('-c') && there(call));
  return compiles.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

const key = (call: Call): string => [call.cwd, ...call.args].join('\0');

function parseCall(text: string): Call {
  const [cwd = '', compiler = '', ...args] = text.split('\0').slice(0, -1);
  return { cwd, compiler, args };
}

/** The same calls with another compiler and other options: `-g` and its kin are replaced by what is given. */
export function variant(
  calls: readonly Call[],
  compiler: string,
  debug: readonly string[],
  more: readonly string[] = [],
): Call[] {
  return calls.map((call) => ({
    ...call,
    compiler,
    args: [...debug, ...call.args.filter((arg) => !/^-g(gdb)?\d?$/.test(arg)), ...more],
  }));
}

function removeOutputs(directory: string): void {
  for (const path of readTree(directory, isCompilerOutput).keys()) rmSync(join(directory, path), { force: true });
}

/** Who replays and how: variables beside the bed's, words before every call, calls at once. */
export interface Client {
  readonly env?: NodeJS.ProcessEnv;
  readonly before?: readonly string[];
  readonly jobs?: number;
}

const SETTLED_MS = 30;

/** Runs all calls, two at a time, from a tree without outputs, and reads what they left. */
export async function replay(
  bed: Bed,
  directory: string,
  calls: readonly Call[],
  how: 'plain' | 'cached',
  { env = {}, before = [], jobs = 2 }: Client = {},
): Promise<Outcome> {
  removeOutputs(directory);
  // A directory that changed within the last milliseconds proves nothing yet, and is not what is tested here.
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  const shown = await inParallel(calls, jobs, async ({ cwd, compiler, args }) => {
    const argv = how === 'plain' ? [compiler, ...args] : [...before, LAUNCHER, compiler, ...args];
    const { status, signal, stdout, stderr } = await run(argv, { cwd, env: { ...bed.env, ...env } });
    return `${args.at(-1)}: ${status} ${signal} ${stdout.toString('latin1')} ${stderr.toString('latin1')}`;
  });
  return { shown, tree: readTree(directory, isCompilerOutput) };
}

/** Everything that differs, in words; empty when nothing does. */
export function outcomeDifferences(plain: Outcome, found: Outcome): string[] {
  const shown = plain.shown.flatMap((line, index) =>
    line === found.shown[index] ? [] : [`shown: plain: ${line}\n       ours: ${found.shown[index]}`],
  );
  return [...shown, ...treeDifferences(plain.tree, found.tree)];
}
