import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { forDisplay } from '../../base/byte-string.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { printOut, writeOut } from '../output.ts';
import { type Context, settingsOf } from '../settings-context.ts';

/** The agent's log, in the cache directory. */
export const LOG_NAME = 'agent.log';
const POLL_MS = 200;
const PINO_LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

export interface LogOptions {
  readonly follow: boolean;
  readonly lines: number;
  /** Print the lines as they are in the file: one JSON object each. */
  readonly json: boolean;
}

/** `hgbuild agent logs [-f]` */
export async function agentLogs(context: Context, options: LogOptions): Promise<number> {
  const { settings } = await settingsOf(context);
  const path = join(forDisplay(settings['cache.dir']), LOG_NAME);
  let file = openLog(path);
  if (file === undefined)
    throw new CliError(`there is no log yet at ${path}; \`hgbuild agent start\` starts one`, EXIT.negative);
  const show = (line: string): void => (options.json ? printOut(line) : printOut(readableLine(line)));
  const lines = file.read().split('\n');
  const partial = lines.pop() ?? '';
  for (const line of lines.slice(-options.lines)) show(line);
  for (let rest = partial; options.follow; await sleep(POLL_MS)) {
    // Rotated: what came into the old file until then is read before the new one is opened.
    const text = rest + file.read();
    const complete = text.split('\n');
    rest = complete.pop() ?? '';
    for (const line of complete) show(line);
    if (statSync(path, { throwIfNoEntry: false })?.ino !== file.inode) {
      file.close();
      file = openLog(path) ?? file;
    }
  }
  file.close();
  if (partial !== '' && !options.follow) writeOut(partial);
  return EXIT.ok;
}

interface OpenLog {
  readonly inode: number;
  /** What was added since the last call. */
  read(): string;
  close(): void;
}

function openLog(path: string): OpenLog | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  let at = 0;
  return {
    inode: fstatSync(fd).ino,
    read() {
      const size = fstatSync(fd).size;
      if (size < at) at = 0;
      const bytes = Buffer.alloc(size - at);
      at += readSync(fd, bytes, 0, bytes.length, at);
      return bytes.toString('utf8');
    },
    close: () => closeSync(fd),
  };
}

/** One JSON line of the log for a person: `2026-01-31 12:00:00.000 info  text key=value`. */
export function readableLine(line: string): string {
  const record = parseRecord(line);
  if (record === undefined) return line;
  const { level, time, msg, ...rest } = record;
  const when =
    typeof time === 'number' ? new Date(time).toISOString().replace('T', ' ').replace('Z', '') : String(time ?? '');
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [when, (PINO_LEVELS[Number(level)] ?? String(level)).padEnd(5), String(msg ?? ''), ...details]
    .filter((part) => part !== '')
    .join(' ');
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
