import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { SessionCounters } from '../../agent/control.ts';
import { controlAgent } from '../../agent/control-client.ts';
import { forDisplay } from '../../base/byte-string.ts';
import type { Settings } from '../../config/settings.ts';
import { agentSocket, startAgentInBackground, writeAgentSocket } from '../agent-calls.ts';
import { unwritableReason } from '../cache-access.ts';
import { CliError } from '../exit-codes.ts';
import { findLauncher } from '../installation.ts';
import { printError } from '../output.ts';
import { type Context, environmentWithFlags, settingsOf } from '../settings-context.ts';
import { baseName, compilersInPath } from '../wrap/compiler-names.ts';
import { nothingIntercepted } from '../wrap/hint.ts';
import { linkDirectory } from '../wrap/link-directory.ts';
import { endLike, runTool, type ToolEnding } from '../wrap/run-tool.ts';
import { openSession, type Session } from '../wrap/session.ts';
import { summaryLine } from '../wrap/summary.ts';
import { planTool, type ToolCall } from '../wrap/tool-call.ts';

/** How long the summary may keep a finished build waiting. */
const SUMMARY_TIMEOUT_MS = 1000;

/** `hgbuild make|ninja|cmake|wrap CMD ...`: runs the tool with its compiles caught, then says in one line how it went. */
export async function wrap(context: Context, command: string, args: readonly string[]): Promise<never> {
  if (command === '') throw new CliError('wrap needs a command: hgbuild wrap COMMAND [ARGS]');
  const { settings } = await settingsOf(context);
  const plain: ToolCall = { command, args, env: environmentWithFlags(context, settings) };
  const prepared = settings['cache.enabled'] ? prepare(plain, settings) : undefined;
  const ending = await runTool(prepared?.call ?? plain);
  if (prepared?.session !== undefined) {
    if (!settings['compile.quiet']) await summarise(prepared, context.cwd, ending).catch(() => {});
    prepared.session.close();
  }
  return endLike(ending);
}

/** A build about to run through the cache. */
interface Prepared {
  readonly call: ToolCall;
  readonly launcher: string;
  /** `undefined` inside another wrapped build, which sums up for both. */
  readonly session: Session | undefined;
}

/** `undefined`, with the reason said, where something keeps us from catching compiles: then the tool runs plainly. */
function prepare(plain: ToolCall, settings: Settings): Prepared | undefined {
  const launcher = findLauncher(plain.env);
  if (launcher === undefined) {
    printError('hgbuild: the native launcher cannot be built here (see `hgbuild doctor`); running without the cache');
    return undefined;
  }
  try {
    startAgentInBackground(launcher, plain.env);
    const session = openSession(plain.env);
    if (session !== undefined) warnIfUnwritable(settings);
    if (session?.directory !== undefined) writeAgentSocket(launcher, plain.env, socketFile(session.directory));
    return { call: intercepting(plain, launcher, session, settings), launcher, session };
  } catch (error) {
    printError(`hgbuild: ${error instanceof Error ? error.message : String(error)}; running without the cache`);
    return undefined;
  }
}

function intercepting(plain: ToolCall, launcher: string, session: Session | undefined, settings: Settings): ToolCall {
  const isCMake = baseName(plain.command) === 'cmake';
  const links = isCMake ? undefined : linkDirectory(launcher, compilersInPath(plain.env.PATH ?? ''), plain.env);
  const env = { ...plain.env, ...session?.env };
  const jobs = settings['compile.jobs'];
  return planTool({ ...plain, env, launcher, links, jobs, processors: availableParallelism() });
}

function warnIfUnwritable(settings: Settings): void {
  const directory = forDisplay(settings['cache.dir']);
  const reason = settings['cache.read_only'] ? undefined : unwritableReason(directory);
  if (reason === undefined) return;
  printError(
    `hgbuild: warning: ${directory} cannot be written (${reason}), nothing will be kept; see \`hgbuild doctor\``,
  );
}

function socketFile(directory: string): string {
  return join(directory, 'socket');
}

function readSocket(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/** A summary is never worth another ending than the tool's own: whatever goes wrong here is not said. */
async function summarise({ call, launcher, session }: Prepared, cwd: string, ending: ToolEnding): Promise<void> {
  if (session === undefined) return;
  const written = session.directory === undefined ? undefined : readSocket(socketFile(session.directory));
  const socket = written ?? agentSocket(launcher, call.env);
  const request = { op: 'session', session: session.id } as const;
  const reply = socket === undefined ? undefined : await controlAgent(socket, request, SUMMARY_TIMEOUT_MS);
  const counters = reply?.ok === true && 'session' in reply ? (reply.session as SessionCounters) : undefined;
  const line = summaryLine({ counters, fallbacks: session.fallbacks() });
  // A link that came by shows that calls are caught, a failed build that it has other troubles.
  const worked = ending.kind === 'exit' && ending.code === 0;
  const caught = (counters?.notCompiles ?? 0) > 0;
  const hint = worked && !caught ? nothingIntercepted(call.command, call.args, cwd) : undefined;
  const said = line ?? hint;
  if (said !== undefined) printError(`hybridgrid: ${said}`);
}
