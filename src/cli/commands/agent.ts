import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentStatus } from '../../agent/control.ts';
import { formatBytes } from '../../base/bytes.ts';
import { formatDuration } from '../../base/duration.ts';
import { askAgent, startAgent, agentStatus as statusOf } from '../agent-calls.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { requireLauncher } from '../installation.ts';
import { formatTable, printJson, printOut } from '../output.ts';
import { type Context, environmentWithFlags, settingsOf } from '../settings-context.ts';

/** An agent that stops stores what it has in hand first. */
const STOP_PATIENCE_MS = 30_000;

export async function agentStart(context: Context, json: boolean): Promise<number> {
  const { launcher, env } = await reach(context);
  const problem = startAgent(launcher, env);
  if (problem !== undefined) throw new CliError(`${problem}; \`hgbuild doctor\` may know more`, EXIT.negative);
  const status = await statusOf(launcher, env);
  if (json) printJson(status === undefined ? { running: false } : { running: true, ...status });
  else printOut(status === undefined ? 'started' : `agent ${status.pid} is running`);
  return EXIT.ok;
}

export async function agentStatus(context: Context, json: boolean): Promise<number> {
  const { launcher, env } = await reach(context);
  const status = await statusOf(launcher, env);
  if (json) printJson(status === undefined ? { running: false } : { running: true, ...status });
  else printOut(status === undefined ? 'no agent is running; the first compile starts one' : statusTable(status));
  return status === undefined ? EXIT.negative : EXIT.ok;
}

export async function agentStop(context: Context, json: boolean): Promise<number> {
  const { launcher, env } = await reach(context);
  const status = await statusOf(launcher, env);
  if (status === undefined) {
    if (json) printJson({ stopped: false });
    else printOut('no agent was running');
    return EXIT.ok;
  }
  // Whatever it answers, what counts is that it ends.
  await askAgent(launcher, env, { op: 'stop' }, STOP_PATIENCE_MS);
  for (let waited = 0; isAlive(status.pid); waited += 20) {
    if (waited > STOP_PATIENCE_MS)
      throw new CliError(`agent ${status.pid} does not end; end it with: kill ${status.pid}`, EXIT.negative);
    await sleep(20);
  }
  if (json) printJson({ stopped: true, pid: status.pid });
  else printOut(`agent ${status.pid} stopped`);
  return EXIT.ok;
}

/** The agent belongs to an environment: flags count as if they were variables. */
async function reach(context: Context): Promise<{ launcher: string; env: NodeJS.ProcessEnv }> {
  const { settings } = await settingsOf(context);
  return { launcher: requireLauncher(context.env), env: environmentWithFlags(context, settings) };
}

function statusTable(status: AgentStatus): string {
  return formatTable([
    ['pid', String(status.pid)],
    ['version', status.version],
    ['started', status.startedAt],
    ['socket', status.socket],
    ['cache', status.cacheDir],
    ['requests', String(status.requests)],
    ['connections', String(status.connections)],
    ['storing', String(status.storing)],
    ['uploading', String(status.uploading)],
    ['compiles here', `${status.localCompiles} beside a grid, ${status.localAuto} allowed by auto`],
    ['to be verified', String(status.verifying)],
    ['memory', formatBytes(status.memoryBytes)],
    ['cpu', formatDuration(status.cpuMs)],
    [
      'ends when idle',
      Number.isFinite(status.idleExitSeconds) ? `after ${formatDuration(status.idleExitSeconds * 1000)}` : 'never',
    ],
  ]);
}

/** A dead agent whom nobody has reaped yet (a container without an init) is dead. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
