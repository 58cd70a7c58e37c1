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

/** Node hands text on as UTF-8: undefined for a byte string that is none. */
export function native(text: string): string | undefined {
  const shown = forDisplay(text);
  return fromNative(shown) === text ? shown : undefined;
}

/** The same call through a shell that makes the bytes: everything Node hands on is ASCII. */
function throughShell(words: readonly string[], env: ReadonlyMap<string, string>): string {
  const bytes = (text: string): string => {
    const octal = Array.from(text, (char) => `\\0${char.charCodeAt(0).toString(8).padStart(3, '0')}`).join('');
    // The dot keeps a line end that the substitution would cut off.
    return `w=$(printf '%b.' '${octal}'); w=\${w%.}`;
  };
  const [program = '', cwd = '/', ...args] = words;
  return [
    ...[...env].map(([name, value]) => `${bytes(value)}; export ${name}="$w"`),
    `${bytes(cwd)}; cd -- "$w" || exit 126; set --`,
    ...[program, ...args].map((word) => `${bytes(word)}; set -- "$@" "$w"`),
    'unset w; exec "$@"',
  ].join('\n');
}

/** Runs `program` with no input, in the C locale, and collects what it prints. `undefined`: it could not be run. */
export function askCompiler(
  program: string,
  args: readonly string[],
  at: AskContext,
): Promise<CompilerSays | undefined> {
  const words = [program, at.cwd, ...args];
  const variables = [...at.env].filter(([name]) => /^[A-Za-z_]\w*$/.test(name));
  const isNative = [...words, ...variables.map(([, value]) => value)].every((text) => native(text) !== undefined);
  if (isNative)
    return run(words.map(forDisplay), Object.fromEntries(variables.map(([name, v]) => [name, forDisplay(v)])));
  return run(['/bin/sh', '/', '-c', throughShell(words, new Map(variables))], {});
}

function run(words: readonly string[], env: Readonly<Record<string, string>>): Promise<CompilerSays | undefined> {
  const [file = '', cwd = '/', ...rest] = words;
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
