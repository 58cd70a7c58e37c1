import { parseArgs } from 'node:util';
import { CliError } from '../exit-codes.ts';

/** One flag of a daemon. */
export interface DaemonFlag {
  readonly long: string;
  /** Name of the value; absent: a switch. */
  readonly takes?: string;
  readonly effect: string;
}

export type DaemonFlags = Readonly<Record<string, string | boolean | undefined>>;

/** Reads `PROGRAM serve [FLAGS]`. Undefined: the help was asked for, and `usage` is to be printed. */
export function readDaemonFlags(
  program: string,
  args: readonly string[],
  flags: readonly DaemonFlag[],
): DaemonFlags | undefined {
  const [command, ...rest] = args;
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') return undefined;
  if (command !== 'serve') throw new CliError(`${program} has no command ${command}; see \`${program} --help\``);
  const options = Object.fromEntries(
    [...flags, { long: 'help', effect: '' }].map(({ long, ...flag }) => [
      long,
      { type: 'takes' in flag ? ('string' as const) : ('boolean' as const) },
    ]),
  );
  try {
    const { values } = parseArgs({ args: rest, options, strict: true, allowPositionals: false });
    return values.help === true ? undefined : (values as DaemonFlags);
  } catch (error) {
    throw new CliError(`${(error as Error).message.split('. ')[0] ?? ''}; see \`${program} --help\``);
  }
}

export function daemonUsage(program: string, what: string, flags: readonly DaemonFlag[]): string {
  const names = flags.map(({ long, takes }) => `--${long}${takes === undefined ? '' : ` ${takes}`}`);
  const width = Math.max(...names.map((name) => name.length));
  const lines = flags.map(({ effect }, i) => `  ${(names[i] ?? '').padEnd(width)}  ${effect}`);
  return `Usage: ${program} serve [flags]\n       ${program} version\n\n${what}\n\nFlags:\n${lines.join('\n')}`;
}

/** A whole number within bounds. */
export function numberFlag(
  flags: DaemonFlags,
  name: string,
  fallback: number,
  lowest: number,
  highest: number,
): number {
  const text = flags[name];
  if (text === undefined) return fallback;
  const value = /^\d+$/.test(String(text)) ? Number(text) : Number.NaN;
  if (!(value >= lowest && value <= highest))
    throw new CliError(`--${name} needs a number from ${lowest} to ${highest}, "${String(text)}" is none`);
  return value;
}

export function textFlag(flags: DaemonFlags, name: string): string | undefined {
  const text = flags[name];
  return typeof text === 'string' ? text : undefined;
}
