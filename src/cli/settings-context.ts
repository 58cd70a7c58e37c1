import { userInfo } from 'node:os';
import { forDisplay, fromNative } from '../base/byte-string.ts';
import { diskReader } from '../config/file-reader.ts';
import { describeProblem } from '../config/problem.ts';
import { type FlagValue, type Origins, type Resolution, resolveSettings } from '../config/resolve.ts';
import { SETTINGS, type Settings } from '../config/settings.ts';
import { CliError } from './exit-codes.ts';
import type { CommandLine } from './global-flags.ts';

/** What every command is given: the composed outside world. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly line: CommandLine;
}

export interface ResolvedSettings {
  readonly settings: Settings;
  readonly origins: Origins;
}

/** The settings of this call; a problem ends the command with every problem named. */
export async function settingsOf(context: Context): Promise<ResolvedSettings> {
  const resolution = await resolutionOf(context);
  if (resolution.ok) return resolution;
  throw new CliError(resolution.problems.map(describeProblem).join('\nhgbuild: '));
}

export function resolutionOf(context: Context): Promise<Resolution> {
  const env: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(context.env)) if (value !== undefined) env[name] = fromNative(value);
  if (context.line.configFile !== undefined) env.HG_CONFIG = fromNative(context.line.configFile);
  return resolveSettings({
    cwd: fromNative(context.cwd),
    env,
    flags: context.line.flags.map((flag) => ({ ...flag, text: fromNative(flag.text) })),
    readFile: diskReader(process.getuid?.() ?? 0),
    accountHome: accountHome(),
  });
}

/**
 * The environment in which the flags of this call hold for every process below it: a flag becomes the variable of its
 * setting, with paths made absolute, because make changes directories.
 */
export function environmentWithFlags(context: Context, settings: Settings): NodeJS.ProcessEnv {
  const env = { ...context.env };
  if (context.line.configFile !== undefined) env.HG_CONFIG = absolute(context.line.configFile, context.cwd);
  for (const flag of context.line.flags) env[SETTINGS[flag.key].variable] = variableText(flag, settings);
  return env;
}

function variableText({ key }: FlagValue, settings: Settings): string {
  const value = settings[key];
  if (typeof value === 'boolean') return value !== (SETTINGS[key].inverted === true) ? '1' : '0';
  if (Array.isArray(value)) return value.map(forDisplay).join(':');
  // An empty variable counts as not set, and a file's value would come through.
  return value === '' ? 'none' : forDisplay(String(value));
}

function absolute(path: string, cwd: string): string {
  return path.startsWith('/') ? path : `${cwd}/${path}`;
}

function accountHome(): string | undefined {
  try {
    const { homedir } = userInfo();
    return homedir.startsWith('/') ? fromNative(homedir) : undefined;
  } catch {
    return undefined;
  }
}
