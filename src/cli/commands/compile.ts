import { findLauncher } from '../installation.ts';
import { type Context, environmentWithFlags, settingsOf } from '../settings-context.ts';
import { baseName } from '../wrap/compiler-names.ts';
import { endLike, runTool } from '../wrap/run-tool.ts';

/**
 * `hgbuild -v gcc -c x.c`: a compiler after global flags. Without flags `bin/hgbuild` has called the launcher already.
 */
export async function compile(context: Context, word: string, args: readonly string[]): Promise<never> {
  const { settings } = await settingsOf(context);
  const env = environmentWithFlags(context, settings);
  const compiler = [...chosenCompiler(word, context.env), ...args];
  const launcher = settings['cache.enabled'] ? findLauncher(context.env) : undefined;
  const [command = '', ...rest] = launcher === undefined ? compiler : [launcher, ...compiler];
  return endLike(await runTool({ command, args: rest, env }));
}

/** `cc` and `c++` mean what CC and CXX say, unless that leads back to us. */
function chosenCompiler(word: string, env: NodeJS.ProcessEnv): readonly string[] {
  const value = word === 'cc' ? env.CC : word === 'c++' ? env.CXX : undefined;
  const words = (value ?? '').split(/\s+/).filter((part) => part !== '');
  return words.length === 0 || baseName(words[0] ?? '') === 'hgbuild' ? [word] : words;
}
