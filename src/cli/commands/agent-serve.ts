import { setFlagsFromString } from 'node:v8';
import { CliError } from '../exit-codes.ts';
import { BUILD_ID } from '../installation.ts';
import type { Context } from '../settings-context.ts';

/**
 * Calls of a function before V8's last compiler takes it on, instead of 3,000. In a build of a few hundred misses what
 * that compiler makes of the agent never pays for its time: some 6 % of the agent's CPU over 183 files of RE2. A V8
 * without the option says so into the void and goes on.
 */
const LATE_OPTIMIZATION = '--invocation-count-for-turbofan=20000';

/**
 * How much an agent may grow, in percent, before all of its garbage is collected. Of a process that mostly waits V8 would
 * keep the heap as small as it can: while others compile, that was a full collection for every 15 compiles that went
 * elsewhere (RE2, 25 to 50 ms each, as much again in helper threads), now it is one for every 60.
 */
const HEAP_GROWTH = '--heap-growing-percent=200';

/** `hgbuild agent serve --socket PATH`: what the launcher starts. Not for people, and in no help. */
export async function serve(context: Context, args: readonly string[]): Promise<number> {
  const socket = args[1] === '--socket' ? args[2] : undefined;
  if (socket === undefined || args.length !== 3) throw new CliError('agent serve is started by the launcher');
  setFlagsFromString(LATE_OPTIMIZATION);
  setFlagsFromString(HEAP_GROWTH);
  const { serveAgent } = await import('../../agent/main.ts');
  return serveAgent({ socket, version: BUILD_ID, env: context.env });
}
