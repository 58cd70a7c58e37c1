import { execFile } from 'node:child_process';
import { forDisplay, fromNative } from '../base/byte-string.ts';

/** What a compiler said when asked about itself. Byte strings. */
export interface CompilerSays {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a question is asked: the user's directory and the variables that reach a compile. */
export interface AskContext {
  readonly cwd: string;
  readonly env: ReadonlyMap<string, string>;
}

/** A compiler that takes longer over a question about itself is not answering. */
const PATIENCE_MS = 10_000;

/**
 * Node hands arguments on as UTF-8, so a byte string that is not valid UTF-8 cannot be asked about. `undefined` then.
 */
function native(text: string): string | undefined {
  const shown = forDisplay(text);
  return fromNative(shown) === text ? shown : undefined;
}

/** Runs `program` with no input, in the C locale, and collects what it prints. `undefined`: it could not be run. */
export function askCompiler(
  program: string,
  args: readonly string[],
  at: AskContext,
): Promise<CompilerSays | undefined> {
  const words = [program, at.cwd, ...args].map(native);
  const env: Record<string, string> = {};
  for (const [name, value] of at.env) {
    const shown = native(value);
    if (shown === undefined) return Promise.resolve(undefined);
    env[name] = shown;
  }
  if (words.includes(undefined)) return Promise.resolve(undefined);
  const [file = '', cwd = '/', ...rest] = words as string[];
  return new Promise((resolve) => {
    const child = execFile(
      file,
      rest,
      {
        cwd,
        env: { ...env, LC_ALL: 'C', LANGUAGE: '', HG_NESTED: '1' },
        encoding: 'latin1',
        timeout: PATIENCE_MS,
        maxBuffer: 16 << 20,
      },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') resolve(undefined);
        else resolve({ ok: error === null, stdout, stderr });
      },
    );
    child.stdin?.end();
  });
}
