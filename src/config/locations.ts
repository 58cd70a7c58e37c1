import { posix } from 'node:path';

/** Who wrote a configuration file: later levels win. */
export type FileLevel = 'system' | 'user' | 'project';

export const CONFIG_FILE_NAME = 'hybridgrid.yaml';
export const SYSTEM_CONFIG_FILE = `/etc/hybridgrid/${CONFIG_FILE_NAME}`;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The user's home as HOME or, where that is not set, the account database says. Byte strings. */
export function homeDirectory(env: Environment, accountHome: string | undefined): string | undefined {
  return isAbsolute(env.HOME) ? env.HOME : accountHome;
}

/** `$XDG_CACHE_HOME/hybridgrid`, as the XDG base directory specification has it. */
export function defaultCacheDirectory(env: Environment, home: string | undefined): string | undefined {
  return below(env.XDG_CACHE_HOME, home, '.cache', 'hybridgrid');
}

/** A worker's directory stands beside the cache: clearing the one leaves the other. */
export function defaultWorkDirectory(env: Environment, home: string | undefined): string | undefined {
  return below(env.XDG_CACHE_HOME, home, '.cache', 'hybridgrid-worker');
}

/** Where a coordinator keeps the shared cache. */
export function defaultDataDirectory(env: Environment, home: string | undefined): string | undefined {
  return below(env.XDG_DATA_HOME, home, '.local/share', 'hybridgrid/coordinator');
}

export function userConfigFile(env: Environment, home: string | undefined): string | undefined {
  return below(env.XDG_CONFIG_HOME, home, '.config', `hybridgrid/${CONFIG_FILE_NAME}`);
}

/** Where a coordinator puts the token of its grid on its first start, and everybody else looks for it. */
export function defaultTokenFile(env: Environment, home: string | undefined): string | undefined {
  return below(env.XDG_CONFIG_HOME, home, '.config', 'hybridgrid/token');
}

/** A name below a base directory of the XDG specification: the variable's, or the usual one in the home directory. */
function below(
  variable: string | undefined,
  home: string | undefined,
  usual: string,
  name: string,
): string | undefined {
  const base = isAbsolute(variable) ? variable : home === undefined ? undefined : `${home}/${usual}`;
  return base === undefined ? undefined : posix.join(base, name);
}

/** `cwd` and the directories above it, nearest first: `make -C` changes cwd, the project's file stays where it is. */
export function directoriesUpwards(cwd: string): readonly string[] {
  const found: string[] = [];
  for (let directory = posix.normalize(cwd); ; directory = posix.dirname(directory)) {
    found.push(directory);
    if (directory === '/' || directory === '.') return found;
  }
}

/** The specification tells us to ignore a relative value. */
function isAbsolute(path: string | undefined): path is string {
  return path?.startsWith('/') ?? false;
}
