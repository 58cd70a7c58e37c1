import { nearestName } from '../config/nearest-name.ts';
import type { FlagValue } from '../config/resolve.ts';
import type { SettingKey } from '../config/settings.ts';
import { CliError } from './exit-codes.ts';

/** A flag that stands before the command word. Everything after the word belongs to the command. */
export interface GlobalFlag {
  readonly long: string;
  readonly short?: string;
  /** Name of the value it takes. */
  readonly takes?: string;
  /** The setting it sets, and to what where it takes no value. */
  readonly sets?: readonly [key: SettingKey, text?: string];
  readonly effect: string;
}

export const GLOBAL_FLAGS: readonly GlobalFlag[] = [
  {
    long: '--verbose',
    short: '-v',
    sets: ['compile.verbose', 'true'],
    effect: 'one line per compile: [hit], [local], [local: REASON]',
  },
  { long: '--quiet', short: '-q', sets: ['compile.quiet', 'true'], effect: 'no summary line after a wrapped build' },
  { long: '--config', takes: 'FILE', effect: 'read FILE instead of your own hybridgrid.yaml' },
  { long: '--cache-dir', takes: 'DIR', sets: ['cache.dir'], effect: 'keep results in DIR' },
  { long: '--read-only', sets: ['cache.read_only', 'true'], effect: 'take results from the cache, store none' },
  { long: '--recache', sets: ['cache.recache', 'true'], effect: 'take no result from the cache, store new ones' },
  { long: '--no-cache', sets: ['cache.enabled', 'false'], effect: 'run everything plainly (as HG_DISABLE=1)' },
  {
    long: '--jobs',
    takes: 'N',
    sets: ['compile.jobs'],
    effect: 'add -jN to make where it has none; "auto" is one per processor',
  },
  {
    long: '--coordinator',
    takes: 'HOST:PORT',
    sets: ['grid.coordinator'],
    effect: 'use the workers and the shared cache of this coordinator',
  },
  { long: '--local-slots', takes: 'N', sets: ['grid.local_slots'], effect: 'compiles at once here beside a grid' },
  {
    long: '--no-fallback',
    sets: ['grid.fallback', 'false'],
    effect: 'fail a compile that the grid could do and does not, instead of doing it here',
  },
  {
    long: '--tls-ca',
    takes: 'FILE',
    sets: ['grid.tls_ca'],
    effect: "check the coordinator's certificate against FILE",
  },
  { long: '--json', effect: 'print JSON where a table would be printed' },
  { long: '--help', short: '-h', effect: 'show this help' },
  { long: '--version', short: '-V', effect: 'show the version' },
];

export interface CommandLine {
  readonly flags: readonly FlagValue[];
  /** The file of `--config`. */
  readonly configFile: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
  /** The command, and every word after it exactly as it was given. */
  readonly word: string | undefined;
  readonly rest: readonly string[];
}

/** Splits our own arguments (without node and script) at the command word. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const flags: FlagValue[] = [];
  const seen = new Map<string, string | undefined>();
  let at = 0;
  const take = (flag: GlobalFlag, joined: string | undefined): void => {
    if (flag.takes === undefined && joined !== undefined) throw new CliError(`${flag.long} takes no value`);
    const value = flag.takes === undefined ? undefined : (joined ?? args[++at]);
    if (flag.takes !== undefined && (value === undefined || value === '')) {
      throw new CliError(`${flag.long} needs a value: ${flag.long} ${flag.takes}`);
    }
    seen.set(flag.long, value);
    if (flag.sets !== undefined) {
      flags.push({ key: flag.sets[0], flag: flag.long, text: flag.sets[1] ?? value ?? '' });
    }
  };
  for (; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (!arg.startsWith('-') || arg === '-') break;
    if (arg.startsWith('--')) takeLong(arg, take);
    else for (const letter of arg.slice(1)) take(shortFlag(`-${letter}`), undefined);
  }
  return {
    flags,
    configFile: seen.get('--config'),
    json: seen.has('--json'),
    help: seen.has('--help'),
    version: seen.has('--version'),
    word: args[at],
    rest: args.slice(at + 1),
  };
}

function takeLong(arg: string, take: (flag: GlobalFlag, joined: string | undefined) => void): void {
  const equals = arg.indexOf('=');
  const name = equals < 0 ? arg : arg.slice(0, equals);
  const flag = GLOBAL_FLAGS.find((known) => known.long === name);
  if (flag === undefined) throw unknownFlag(name);
  take(flag, equals < 0 ? undefined : arg.slice(equals + 1));
}

function shortFlag(name: string): GlobalFlag {
  const flag = GLOBAL_FLAGS.find((known) => known.short === name);
  if (flag === undefined) throw unknownFlag(name);
  return flag;
}

function unknownFlag(name: string): CliError {
  const near = nearestName(
    name,
    GLOBAL_FLAGS.map((flag) => flag.long),
  );
  const hint = near === undefined ? 'see `hgbuild --help`' : `did you mean ${near}?`;
  return new CliError(`unknown flag ${name}; ${hint}`);
}
