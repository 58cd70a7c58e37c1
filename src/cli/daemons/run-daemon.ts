import { parseCommandLine } from '../global-flags.ts';
import { VERSION } from '../installation.ts';
import { printOut } from '../output.ts';
import type { Context } from '../settings-context.ts';

/** `hg-coord` and `hg-worker`: serve until SIGTERM or SIGINT, then drain and end with 0. */
export async function runDaemon(
  program: string,
  args: readonly string[],
  { env, cwd }: Pick<Context, 'env' | 'cwd'>,
): Promise<number> {
  if (args[0] === 'version' || args[0] === '--version' || args[0] === '-V') {
    printOut(`${program} ${VERSION}`);
    return 0;
  }
  const context: Context = { env, cwd, line: parseCommandLine([]) };
  return program === 'hg-coord'
    ? (await import('./coordinator.ts')).runCoordinator(context, args)
    : (await import('./worker.ts')).runWorker(context, args);
}

/** Aborts with the first SIGTERM, SIGINT or SIGHUP; a second one ends the process at once. */
export function untilSignalled(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}
