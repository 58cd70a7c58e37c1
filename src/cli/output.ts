import { writeSync } from 'node:fs';

/**
 * Printing. Never `process.stdout` or `process.stderr`: opening those streams makes a pipe non-blocking for everyone
 * who shares it, and the wrapped `make` then fails with "write error: Resource temporarily unavailable".
 */
export function printOut(text: string): void {
  write(1, `${text}\n`);
}

export function printError(text: string): void {
  write(2, `${text}\n`);
}

/** Plain text, without a line end of ours. */
export function writeOut(text: string | Uint8Array): void {
  write(1, text);
}

export function writeError(text: string): void {
  write(2, text);
}

export function printJson(value: unknown): void {
  printOut(JSON.stringify(value, undefined, 2));
}

function write(fd: number, text: string | Uint8Array): void {
  let rest = typeof text === 'string' ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Somebody else made the pipe non-blocking and its reader is slow; or the reader is gone and nobody listens.
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else return;
    }
  }
}

/**
 * Called where other processes share our streams. Closing any socket or pipe makes Node compare it with
 * `process.stderr`, which opens that stream (Node 24.21, net.js): with nothing there, nothing is opened.
 */
export function keepStreamsUnopened(): void {
  for (const name of ['stdout', 'stderr']) Object.defineProperty(process, name, { value: undefined });
}

/** Loaded on demand: `node:tty` pulls in the whole of `node:net`, 5 ms that a wrapped build has no use for. */
export function isTerminal(fd: number): boolean {
  return process.getBuiltinModule('node:tty').isatty(fd);
}

/** https://no-color.org: any value that is not empty switches colours off. */
export function useColour(env: NodeJS.ProcessEnv, fd: 1 | 2 = 1): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.CLICOLOR_FORCE !== undefined && env.CLICOLOR_FORCE !== '' && env.CLICOLOR_FORCE !== '0') return true;
  return isTerminal(fd) && env.TERM !== 'dumb';
}

export type Paint = (style: 'good' | 'warn' | 'bad' | 'dim' | 'bold', text: string) => string;

const CODES = { good: 32, warn: 33, bad: 31, dim: 2, bold: 1 } as const;

export function painter(colour: boolean): Paint {
  return (style, text) => (colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text);
}

/** Columns as wide as their widest cell; the columns in `right` are set flush right. */
export function formatTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
