import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CliError } from './exit-codes.ts';

declare const HG_BUILD_ID: string;

/** `0.1.0+1f3a...`: the package's version and a digest of what it was built from. */
export const BUILD_ID: string = typeof HG_BUILD_ID === 'string' ? HG_BUILD_ID : '0.0.0+source';
export const VERSION: string = BUILD_ID.replace(/\+.*$/, '');

/** The directory that holds `bin/hgbuild`, wherever this module was bundled to. */
export function installationRoot(): string {
  for (let directory = import.meta.dirname; directory !== '/'; directory = dirname(directory)) {
    if (existsSync(join(directory, 'bin', 'hgbuild'))) return directory;
  }
  throw new CliError('the installation is incomplete: bin/hgbuild is missing; install hybridgrid again');
}

/** The native launcher's path, or `undefined` where it is not built. Looks where `bin/hgbuild` looks. */
export function existingLauncher(env: NodeJS.ProcessEnv): string | undefined {
  // The launcher starts the agent by way of ../bin/hgbuild: one whose installation is gone is of no use.
  return launcherPlaces(env)
    .filter((place) => isProgram(join(place, 'bin', 'hgbuild')))
    .map((place) => join(place, 'build', 'hg-launcher'))
    .find(isProgram);
}

/** As {@link existingLauncher}, building it where it is missing. */
export function findLauncher(env: NodeJS.ProcessEnv): string | undefined {
  const existing = existingLauncher(env);
  if (existing !== undefined) return existing;
  const root = installationRoot();
  for (const place of launcherPlaces(env)) {
    const script = join(root, 'bin', 'build-launcher.sh');
    const built = spawnSync('/bin/sh', [script, root, place, BUILD_ID], { env, stdio: 'ignore' });
    if (built.status === 0) return join(place, 'build', 'hg-launcher');
  }
  return undefined;
}

export function requireLauncher(env: NodeJS.ProcessEnv): string {
  const launcher = findLauncher(env);
  if (launcher === undefined) {
    throw new CliError('the native launcher cannot be built: install a C compiler (gcc or clang) with libc headers', 1);
  }
  return launcher;
}

function launcherPlaces(env: NodeJS.ProcessEnv): readonly string[] {
  const state = stateDirectory(env);
  // As bin/hgbuild has it: not in the home of somebody else (sudo).
  const base = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : env.HOME;
  const isOurs = base !== undefined && statSync(base, { throwIfNoEntry: false })?.uid === process.getuid?.();
  const own = state === undefined || !isOurs ? [] : [join(state, 'native', BUILD_ID)];
  return [installationRoot(), ...own];
}

/** `$XDG_STATE_HOME/hybridgrid`: what is ours, small, and must outlive a cleared cache. */
export function stateDirectory(env: NodeJS.ProcessEnv): string | undefined {
  const base = env.XDG_STATE_HOME?.startsWith('/')
    ? env.XDG_STATE_HOME
    : env.HOME?.startsWith('/')
      ? join(env.HOME, '.local', 'state')
      : undefined;
  return base === undefined ? undefined : join(base, 'hybridgrid');
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
