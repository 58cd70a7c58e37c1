import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { fsPath } from '../base/byte-string.ts';
import type { Output } from '../compiler/invocation.ts';
import { native } from './ask-compiler.ts';
import type { RedirectedCommand } from './verify-command.ts';
import type { CompileRequest } from './wire.ts';

/** What the plain compiler made of a command. */
export interface PlainRun {
  /** Its exit code. */
  readonly status: number;
  readonly stderr: string;
  /** The files it wrote, by role. */
  readonly outputs: ReadonlyMap<Output['role'], Buffer>;
}

/** Beyond this it is given up. */
const PATIENCE_MS = 600_000;
/** Behind everything else on this machine. */
const LOWEST_PRIORITY = 19;
const STDERR_LIMIT = 16 << 20;

/**
 * Runs the compiler as the launcher would, in the directory and with the variables of the request, its outputs and
 * temporary files in `directory`. Undefined where it was not run to its end: aborted, killed, or not to be started.
 */
export async function compilePlainly(
  { compiler, cwd, env }: CompileRequest,
  { args, outputs }: RedirectedCommand,
  directory: string,
  signal: AbortSignal,
): Promise<PlainRun | undefined> {
  const words = [compiler, cwd, ...args].map(native);
  const variables = [...env, ['TMPDIR', directory], ['HG_NESTED', '1']].map(([name, value]) => [
    native(name ?? ''),
    native(value ?? ''),
  ]);
  // Node hands text on as UTF-8: a name that is none cannot be said.
  if ([...words, ...variables.flat()].includes(undefined)) return undefined;
  const ended = await runToEnd(words as string[], Object.fromEntries(variables) as Record<string, string>, signal);
  if (ended === undefined) return undefined;
  const files = outputs.flatMap(({ role, path }) => {
    const bytes = readIfThere(path);
    return bytes === undefined ? [] : [[role, bytes] as const];
  });
  return { ...ended, outputs: new Map(files) };
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(fsPath(path));
  } catch {
    return undefined;
  }
}

function runToEnd(
  [compiler = '', cwd = '/', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Pick<PlainRun, 'status' | 'stderr'> | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    // A group of its own: the compiler proper and the assembler end with the driver.
    const child = spawn(compiler, args, { cwd, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    const stop = (): void => endGroup(child.pid);
    const impatience = setTimeout(stop, PATIENCE_MS);
    const chunks: Buffer[] = [];
    let size = 0;
    const over = (result: Pick<PlainRun, 'status' | 'stderr'> | undefined): void => {
      clearTimeout(impatience);
      signal.removeEventListener('abort', stop);
      resolve(signal.aborted ? undefined : result);
    };
    signal.addEventListener('abort', stop, { once: true });
    child.on('error', () => over(undefined));
    child.stderr.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > STDERR_LIMIT) stop();
      else chunks.push(chunk);
    });
    child.on('close', (code) =>
      over(code === null ? undefined : { status: code, stderr: Buffer.concat(chunks).toString('latin1') }),
    );
    yieldToOthers(child.pid);
  });
}

function yieldToOthers(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, LOWEST_PRIORITY);
  } catch {
    // Over already, or not allowed: it runs as anything else.
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Over already.
  }
}
