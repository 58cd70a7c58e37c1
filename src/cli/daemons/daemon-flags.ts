import { parseArgs } from 'node:util';
import type { FlagValue } from '../../config/resolve.ts';
import { SETTINGS, type SettingKey } from '../../config/settings.ts';
import { CliError } from '../exit-codes.ts';

/** One flag of a daemon: a setting by another name. What it means and which values it takes stands in the settings. */
export interface DaemonFlag {
  readonly long: string;
  readonly sets: SettingKey;
  /** Name of the value; absent: a switch that sets `true`. */
  readonly takes?: string;
}

/** What `unlimited` is for a disk: 1 EiB. No disk is larger, and sums with it stay exact enough. */
export const UNLIMITED = 2 ** 60;

/** Reads `PROGRAM serve [FLAGS]`. Undefined: the help was asked for, and {@link daemonUsage} is to be printed. */
export function readDaemonFlags(
  program: string,
  args: readonly string[],
  flags: readonly DaemonFlag[],
): readonly FlagValue[] | undefined {
  const [command, ...rest] = args;
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') return undefined;
  if (command !== 'serve') throw new CliError(`${program} has no command ${command}; see \`${program} --help\``);
  const values = parsed(program, rest, flags);
  if (values.help === true) return undefined;
  return flags.flatMap(({ long, sets }) => {
    const value = values[long];
    return value === undefined ? [] : [{ key: sets, flag: `--${long}`, text: String(value) }];
  });
}

function parsed(
  program: string,
  args: readonly string[],
  flags: readonly DaemonFlag[],
): Readonly<Record<string, string | boolean | undefined>> {
  const kinds = flags.map(({ long, takes }) => [long, { type: takes === undefined ? 'boolean' : 'string' }] as const);
  const options = { ...Object.fromEntries(kinds), help: { type: 'boolean', short: 'h' } } as const;
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new CliError(`${(error as Error).message.split('. ')[0] ?? ''}; see \`${program} --help\``);
  }
}

/** The help of a daemon: its flags with the settings' meanings, variables and defaults. */
export function daemonUsage(program: string, what: string, flags: readonly DaemonFlag[]): string {
  const names = flags.map(({ long, takes }) => `--${long}${takes === undefined ? '' : ` ${takes}`}`);
  const width = Math.max(...names.map((name) => name.length));
  const lines = flags.map(({ sets }, i) => {
    const { effect, variable, initial, usually, type } = SETTINGS[sets];
    const usual = usually ?? (type.write as (value: unknown) => string)(initial);
    return `  ${(names[i] ?? '').padEnd(width)}  ${effect} (${usual}; ${variable})`;
  });
  return `Usage: ${program} serve [flags]\n       ${program} version\n\n${what}\n\nFlags, with what holds without them and the variable that sets the same:\n${lines.join('\n')}`;
}
