import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { SessionCounters } from '../../agent/control.ts';
import { controlAgent } from '../../agent/control-client.ts';
import { agentSocket, startAgentInBackground, writeAgentSocket } from '../agent-calls.ts';
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
  const env = environmentWithFlags(context, settings);
  const launcher = settings['cache.enabled'] ? findLauncher(context.env) : undefined;
  if (launcher === undefined) {
    if (settings['cache.enabled'])
      printError('hgbuild: the native launcher cannot be built here (see `hgbuild doctor`); running without the cache');
    return endLike(await runTool({ command, args, env }));
  }
  startAgentInBackground(launcher, env);
  const session = openSession(env);
  const socketFile = session?.directory === undefined ? undefined : join(session.directory, 'socket');
  if (socketFile !== undefined) writeAgentSocket(launcher, env, socketFile);
  const links =
    baseName(command) === 'cmake' ? undefined : linkDirectory(launcher, compilersInPath(env.PATH ?? ''), env);
  const call = planTool({
    command,
    args,
    env: { ...env, ...session?.env },
    launcher,
    links,
    jobs: settings['compile.jobs'],
    processors: availableParallelism(),
  });
  const ending = await runTool(call);
  if (session !== undefined) {
    const quiet = settings['compile.quiet'];
    const socket = (): string | undefined => readSocket(socketFile) ?? agentSocket(launcher, env);
    if (!quiet) await summarise({ call, cwd: context.cwd, session, socket, ending }).catch(() => {});
    session.close();
  }
  return endLike(ending);
}

function readSocket(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

interface Finished {
  readonly call: ToolCall;
  readonly cwd: string;
  readonly session: Session;
  readonly socket: () => string | undefined;
  readonly ending: ToolEnding;
}

/** A summary is never worth another ending than the tool's own: whatever goes wrong here is not said. */
async function summarise({ call, cwd, session, socket, ending }: Finished): Promise<void> {
  const request = { op: 'session', session: session.id } as const;
  const path = socket();
  const reply = path === undefined ? undefined : await controlAgent(path, request, SUMMARY_TIMEOUT_MS);
  const counters = reply?.ok === true && 'session' in reply ? (reply.session as SessionCounters) : undefined;
  const line = summaryLine({ counters, fallbacks: session.fallbacks() });
  // A link that came by shows that calls are caught, a failed build that it has other troubles.
  const worked = ending.kind === 'exit' && ending.code === 0;
  const hint =
    worked && (counters?.notCompiles ?? 0) === 0 ? nothingIntercepted(call.command, call.args, cwd) : undefined;
  if (line !== undefined) printError(`hybridgrid: ${line}`);
  else if (hint !== undefined) printError(`hybridgrid: ${hint}`);
}
