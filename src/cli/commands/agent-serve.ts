import { CliError } from '../exit-codes.ts';
import { BUILD_ID } from '../installation.ts';
import type { Context } from '../settings-context.ts';

/** `hgbuild agent serve --socket PATH`: what the launcher starts. Not for people, and in no help. */
export async function serve(context: Context, args: readonly string[]): Promise<number> {
  const socket = args[1] === '--socket' ? args[2] : undefined;
  if (socket === undefined || args.length !== 3) throw new CliError('agent serve is started by the launcher');
  const { serveAgent } = await import('../../agent/main.ts');
  return serveAgent({ socket, version: BUILD_ID, env: context.env });
}
