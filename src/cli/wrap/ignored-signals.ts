import { constants } from 'node:os';
import type { ToolCall } from './tool-call.ts';

/** Set by `bin/hgbuild`: the `SigIgn` mask it was started with, in hex. Node resets all signals when it starts. */
export const IGNORED_VARIABLE = 'HG_IGNORED_SIGNALS';

/** Signals that were ignored before us (`nohup`, a background job of a script), and must be for the tool as well. */
export function ignoredSignals(env: NodeJS.ProcessEnv): readonly NodeJS.Signals[] {
  const text = env[IGNORED_VARIABLE] ?? '';
  if (!/^[0-9a-f]{1,16}$/.test(text)) return [];
  const mask = BigInt(`0x${text}`);
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  const isPlain = (name: string): boolean => !/^SIG(IOT|POLL|UNUSED|KILL|STOP|STKFLT)$/.test(name);
  return names.filter(([name, number]) => isPlain(name) && (mask >> BigInt(number - 1)) & 1n).map(([name]) => name);
}

/** The same call by way of a shell that ignores the signals first: Node itself cannot start a child like that. */
export function ignoring(call: ToolCall, signals: readonly NodeJS.Signals[]): ToolCall {
  const { [IGNORED_VARIABLE]: _, ...env } = call.env;
  if (signals.length === 0) return { ...call, env };
  const script = `trap '' ${signals.map((name) => name.slice(3)).join(' ')}; exec "$@"`;
  return { command: '/bin/sh', args: ['-c', script, 'hgbuild', call.command, ...call.args], env };
}
