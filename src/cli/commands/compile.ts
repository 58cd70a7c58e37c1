import { EXIT } from '../exit-codes.ts';
import { findLauncher, isProgram } from '../installation.ts';
import { printError } from '../output.ts';
import { type Context, environmentWithFlags, settingsOf } from '../settings-context.ts';
import { baseName } from '../wrap/compiler-names.ts';

/**
 * `hgbuild -v gcc -c x.c`: a compiler after global flags. Without flags `bin/hgbuild` has called the launcher already.
 * This process becomes the launcher, so the compiler keeps our process id, parent and terminal.
 */
export async function compile(context: Context, word: string, args: readonly string[]): Promise<number> {
  const { settings } = await settingsOf(context);
  const env = environmentWithFlags(context, settings);
  const compiler = [...chosenCompiler(word, context.env), ...args];
  const launcher = settings['cache.enabled'] ? findLauncher(context.env) : undefined;
  const [program = '', ...rest] = launcher === undefined ? compiler : [launcher, ...compiler];
  const path = program.includes('/') ? program : findInPath(program, context.env.PATH ?? '');
  if (path === undefined) {
    printError(`hgbuild: ${program}: command not found`);
    return EXIT.notFound;
  }
  process.execve?.(path, [program, ...rest], definedOnly(env));
  return EXIT.cannotRun;
}

/** `cc` and `c++` mean what CC and CXX say, unless that leads back to us. */
function chosenCompiler(word: string, env: NodeJS.ProcessEnv): readonly string[] {
  const value = word === 'cc' ? env.CC : word === 'c++' ? env.CXX : undefined;
  const words = (value ?? '').split(/\s+/).filter((part) => part !== '');
  return words.length === 0 || baseName(words[0] ?? '') === 'hgbuild' ? [word] : words;
}

function findInPath(name: string, path: string): string | undefined {
  return path
    .split(':')
    .map((directory) => `${directory === '' ? '.' : directory}/${name}`)
    .find(isProgram);
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
