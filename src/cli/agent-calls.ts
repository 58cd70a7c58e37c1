import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { AgentStatus, ControlReply, ControlRequest } from '../agent/control.ts';
import { controlAgent } from '../agent/control-client.ts';

/** The socket of the agent that serves this environment, as the launcher names it. */
export function agentSocket(launcher: string, env: NodeJS.ProcessEnv): string | undefined {
  const answer = spawnSync(launcher, ['--hg-socket-path'], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const path = answer.stdout?.trim();
  return answer.status === 0 && path !== undefined && path !== '' ? path : undefined;
}

/**
 * As {@link agentSocket}, beside whatever comes next: the path is in `file` a few milliseconds later. Not through a
 * pipe: a pipe of Node's, once closed, opens `process.stderr` (see output.ts).
 */
export function writeAgentSocket(launcher: string, env: NodeJS.ProcessEnv, file: string): void {
  const out = openSync(file, 'w', 0o600);
  try {
    const child = spawn(launcher, ['--hg-socket-path'], { env, stdio: ['ignore', out, 'ignore'] });
    child.on('error', () => {});
    child.unref();
  } finally {
    closeSync(out);
  }
}

/** Starts the agent beside whatever comes next, without waiting: the first compile would only start it later. */
export function startAgentInBackground(launcher: string, env: NodeJS.ProcessEnv): void {
  const child = spawn(launcher, ['--hg-start-agent'], { env, stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}

/** Starts the agent and waits until it answers; the reason where it does not. */
export function startAgent(launcher: string, env: NodeJS.ProcessEnv): string | undefined {
  const answer = spawnSync(launcher, ['--hg-start-agent'], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (answer.status === 0) return undefined;
  return answer.stderr?.trim().replace(/^hgbuild: /, '') || 'the launcher could not start it';
}

/** One question to the agent; `undefined` where none answers in time. */
export async function askAgent(
  launcher: string,
  env: NodeJS.ProcessEnv,
  request: ControlRequest,
  timeoutMs = 2000,
): Promise<ControlReply | undefined> {
  const socket = agentSocket(launcher, env);
  if (socket === undefined) return undefined;
  return controlAgent(socket, request, timeoutMs);
}

/** `undefined` where no agent runs. */
export async function agentStatus(launcher: string, env: NodeJS.ProcessEnv): Promise<AgentStatus | undefined> {
  const reply = await askAgent(launcher, env, { op: 'status' });
  return reply?.ok === true && 'status' in reply ? reply.status : undefined;
}
