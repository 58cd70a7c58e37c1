/** One compile through the launcher and plainly, in the same place, and what of it differs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LAUNCHER } from '../bed/environment.ts';
import { run } from '../bed/run.ts';
import { type Call, callOf, type Line } from './edits-line.ts';

/** What a compile showed to the world. */
export interface Shown {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes of every file in the directory of outputs. */
  readonly files: ReadonlyMap<string, string>;
}

/** How the cache answered: 'hit', 'local', or the name of a refusal. */
export type Answer = string;

export interface Cached {
  readonly shown: Shown;
  readonly answer: Answer;
}

export function callText(call: Call): string {
  const env = Object.entries(call.env).map(([name, value]) => `${name}='${value}'`);
  return [`cd '${call.cwd}' &&`, ...env, ...call.argv.map((word) => `'${word}'`)].join(' ');
}

function emptyOutputs(root: string): void {
  rmSync(join(root, 'out'), { recursive: true, force: true });
  mkdirSync(join(root, 'out'));
}

function readOutputs(root: string): Map<string, string> {
  const files = new Map<string, string>();
  if (!existsSync(join(root, 'out'))) return files;
  for (const name of readdirSync(join(root, 'out')).sort())
    files.set(name, readFileSync(join(root, 'out', name), 'latin1'));
  return files;
}

async function runCall(call: Call, argv: readonly string[], env: NodeJS.ProcessEnv, root: string): Promise<Shown> {
  const ended = await run(argv, { cwd: call.cwd, env: { ...env, ...call.env }, timeoutMs: 60_000 });
  const { status, signal } = ended;
  const files = readOutputs(root);
  return { status, signal, stdout: ended.stdout.toString('latin1'), stderr: ended.stderr.toString('latin1'), files };
}

/** The environment of both runs: nothing in it but what the line says. */
export function baseEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { HOME, HG_CACHE_DIR, HG_RUNTIME_DIR } = env;
  return { PATH: '/usr/local/bin:/usr/bin:/bin', HOME, HG_CACHE_DIR, HG_RUNTIME_DIR };
}

export async function runPlain(line: Line, root: string, env: NodeJS.ProcessEnv, keep = false): Promise<Shown> {
  const call = callOf(line, root);
  if (!keep) emptyOutputs(root);
  return runCall(call, call.argv, env, root);
}

const NOTE = /^\[(hit|local(?:: (.*))?)\] .*\n/;

export async function runCached(line: Line, root: string, env: NodeJS.ProcessEnv, keep = false): Promise<Cached> {
  const call = callOf(line, root);
  if (!keep) emptyOutputs(root);
  const shown = await runCall(call, [LAUNCHER, ...call.argv], { ...env, HG_VERBOSE: '1' }, root);
  const note = NOTE.exec(shown.stderr);
  const answer = note === null ? 'silent' : note[1] === 'hit' ? 'hit' : (note[2] ?? 'local');
  return { shown: { ...shown, stderr: shown.stderr.replace(NOTE, '') }, answer };
}

/** What differs, in words; empty if nothing does. */
export function differencesOf(plain: Shown, cached: Shown): string[] {
  const found: string[] = [];
  for (const what of ['status', 'signal', 'stdout', 'stderr'] as const)
    if (plain[what] !== cached[what])
      found.push(`${what}: plain ${JSON.stringify(plain[what])}, cached ${JSON.stringify(cached[what])}`);
  for (const name of new Set([...plain.files.keys(), ...cached.files.keys()])) {
    const [one, other] = [plain.files.get(name), cached.files.get(name)];
    if (one === other) continue;
    const readable = name.endsWith('.d') ? `\n${one}\n${other}` : ` (${one?.length} and ${other?.length} bytes)`;
    found.push(`${name} differs${readable}`);
  }
  return found;
}
