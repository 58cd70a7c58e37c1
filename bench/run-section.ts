/** Runs a section in a process of its own, ends it when it takes too long, and sweeps up behind it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signalProcess } from '../test/bed/processes.ts';
import type { BarId } from './bars.ts';
import type { Found, Outcome } from './rows.ts';
import { MARK, sweep } from './sweep.ts';

export interface SectionPlan {
  readonly name: string;
  /** The program and its arguments; the path of the file for its findings comes after them. */
  readonly argv: readonly string[];
  /** More arguments, after the file's path. */
  readonly options: readonly string[];
  readonly limitMs: number;
  /** What it has to end by itself when it is asked to. */
  readonly graceMs?: number;
  readonly say: (text: string) => void;
  /** Where its directory is made: short, because a socket's path has at most 107 bytes. */
  readonly below?: string;
}

export interface SectionEnd {
  readonly found: Found;
  /** Why it did not end well; undefined if it did. */
  readonly trouble?: string;
}

/** Sections stop up to three hosts' daemons one after the other, each of which may take seconds. */
const GRACE_MS = 60_000;
const KEPT = 4000;
let current: ChildProcess | undefined;

/** Asks the section that runs to end; {@link runSection} then returns. */
export function stopSection(): void {
  if (current?.pid !== undefined && current.exitCode === null) signalProcess(current.pid, 'SIGTERM');
}

function readFindings(file: string): Found {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return new Map(
    lines.map((line) => JSON.parse(line) as { id: BarId; outcome: Outcome }).map((f) => [f.id, f.outcome]),
  );
}

export async function runSection(plan: SectionPlan): Promise<SectionEnd> {
  const directory = mkdtempSync(join(plan.below ?? '/tmp', 'hgb-'));
  // For daemons of other users as open as /tmp.
  chmodSync(directory, 0o1777);
  const mark = directory;
  const file = join(directory, 'found');
  const [command = '', ...args] = plan.argv;
  const child = spawn(command, [...args, file, ...plan.options], {
    env: { ...process.env, TMPDIR: directory, [MARK]: mark },
    stdio: ['ignore', 'inherit', 'pipe'],
    // Ctrl-C is answered by the whole bench, which asks the section to end.
    detached: true,
  });
  current = child;
  let printed = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    printed = (printed + chunk.toString()).slice(-KEPT);
  });
  const how = await endOf(child, plan);
  current = undefined;
  const found = readFindings(file);
  // One that could not be started has a directory all the same.
  const left = await sweep({ pid: child.pid ?? 0, mark, directory });
  if (left.length > 0) plan.say(`${plan.name} left behind: ${left.join('; ')}`);
  if (how === undefined) return { found };
  return { found, trouble: [how, printed.trim()].filter((text) => text !== '').join(': ') };
}

/** Why it did not end well; undefined if it did. Waits without looking: a poll would be in what is measured. */
async function endOf(child: ChildProcess, { limitMs, graceMs = GRACE_MS }: SectionPlan): Promise<string | undefined> {
  let isLate = false;
  const how = new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (status, signal) => resolve(status === 0 ? undefined : (signal ?? `status ${status}`)));
  });
  const timers = [
    setTimeout(() => {
      isLate = true;
      signalProcess(child.pid, 'SIGTERM');
    }, limitMs),
    setTimeout(() => signalProcess(child.pid, 'SIGKILL'), limitMs + graceMs),
  ];
  const why = await how;
  for (const timer of timers) clearTimeout(timer);
  return isLate ? `no end after ${Math.round(limitMs / 60_000)} minutes` : why;
}
