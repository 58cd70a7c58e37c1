import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { EXIT } from '../exit-codes.ts';
import { keepStreamsUnopened, printError } from '../output.ts';
import { ignoredSignals, ignoring } from './ignored-signals.ts';
import { inheritedDescriptors, stdioWith } from './inherited-descriptors.ts';
import type { ToolCall } from './tool-call.ts';

export type ToolEnding =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals };

const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
];

/**
 * Runs the tool in our place: same terminal, same process group, same descriptors. Signals that came to us alone are
 * handed on, and we wait for the tool's own ending whatever it is.
 */
export function runTool(call: ToolCall): Promise<ToolEnding> {
  keepStreamsUnopened();
  return new Promise((resolve) => {
    // Before the tool starts: a signal that came right after would end us and leave the tool behind.
    const ignored = ignoredSignals(call.env);
    const handlers = FORWARDED.map((signal) => {
      const handler = (): void => {
        if (!ignored.includes(signal) && !reachesTheGroup(signal)) child.kill(signal);
      };
      process.on(signal, handler);
      return [signal, handler] as const;
    });
    const { command, args, env } = ignoring(call, ignored);
    const child = spawn(command, [...args], { env, stdio: stdioWith(inheritedDescriptors(env)) });
    const settle = (ending: ToolEnding): void => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
      resolve(ending);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      printError(`hgbuild: ${call.command}: ${missing ? 'command not found' : `cannot be run: ${error.code}`}`);
      settle({ kind: 'exit', code: missing ? EXIT.notFound : EXIT.cannotRun });
    });
    child.on('exit', (code, signal) => {
      settle(signal === null ? { kind: 'exit', code: code ?? EXIT.negative } : { kind: 'signal', signal });
    });
  });
}

/**
 * Ctrl-C and Ctrl-\ on our terminal go to the whole foreground group, so the tool has them already; a second SIGINT
 * makes some tools skip their cleaning up. Without a terminal, or in the background, the signal was sent to us alone.
 */
function reachesTheGroup(signal: NodeJS.Signals): boolean {
  if (signal === 'SIGWINCH') return true;
  if (signal !== 'SIGINT' && signal !== 'SIGQUIT') return false;
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // After the command name in parentheses: state, ppid, pgrp, session, tty_nr, tpgid.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[4] !== '0' && fields[2] === fields[5];
  } catch {
    return false;
  }
}

/** Ends this process as the tool ended. A signal is raised again, so that whoever waits for us sees the same. */
export function endLike(ending: ToolEnding): never {
  if (ending.kind === 'exit') process.exit(ending.code);
  try {
    // Node ignores SIGPIPE; taking the last listener of a signal away gives it its default effect again.
    if (ending.signal === 'SIGPIPE') process.on(ending.signal, () => {});
    process.removeAllListeners(ending.signal);
    process.kill(process.pid, ending.signal);
    // Delivered before the call returns, unless it is blocked: then say it with the number.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  } catch {
    // Not a signal this Node can send.
  }
  process.exit(EXIT.signalBase + (constants.signals[ending.signal] ?? 0));
}
