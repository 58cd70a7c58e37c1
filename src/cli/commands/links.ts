import { resolve } from 'node:path';
import { CliError, EXIT } from '../exit-codes.ts';
import { requireLauncher } from '../installation.ts';
import { printError, printJson, printOut } from '../output.ts';
import type { Context } from '../settings-context.ts';
import { compilersInPath } from '../wrap/compiler-names.ts';
import { installLinks } from '../wrap/link-directory.ts';

/** `hgbuild launcher`: the native launcher's path, for CMAKE_C_COMPILER_LAUNCHER and the like. */
export function showLauncher(context: Context): number {
  printOut(requireLauncher(context.env));
  return EXIT.ok;
}

/** `hgbuild install-links DIR`: a masquerade directory for PATH. */
export function installLinksCommand(context: Context, directory: string, json: boolean): number {
  const launcher = requireLauncher(context.env);
  const path = resolve(context.cwd, directory);
  const names = compilersInPath(context.env.PATH ?? '');
  if (names.length === 0)
    throw new CliError('PATH has no compiler to make links for; install gcc or clang first', EXIT.negative);
  let result: ReturnType<typeof installLinks>;
  try {
    result = installLinks(path, launcher, names);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(`links cannot be made in ${path}: ${code ?? message}; name a directory you may write to`);
  }
  for (const name of result.kept) printError(`hgbuild: ${path}/${name} is something else and was left alone`);
  if (json) printJson({ directory: path, launcher, links: result.made, kept: result.kept });
  else printOut(`${result.made.length} links in ${path}; put it first in PATH:\n  export PATH="${path}:$PATH"`);
  return EXIT.ok;
}
