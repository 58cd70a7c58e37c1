/** Looks at running processes through /proc, never at names alone: tests end only what they started. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One running process. `state` is the letter of /proc/PID/stat (R, S, D, T, Z). */
export interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  readonly name: string;
  /** CPU time used by the process itself, in milliseconds. */
  readonly cpuMs: number;
}

/** USER_HZ, which is 100 on every Linux architecture that Node runs on. */
const TICK_MS = 10;

function parseStat(pid: number): Running | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const close = stat.lastIndexOf(')');
    const fields = stat.slice(close + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    const name = stat.slice(stat.indexOf('(') + 1, close);
    return { pid, parent: Number(fields[1]), state: fields[0] ?? '?', name, cpuMs: ticks * TICK_MS };
  } catch {
    return undefined;
  }
}

/** Every process that can be seen now. */
export function runningProcesses(): Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => parseStat(Number(name)) ?? []);
}

export function processNow(pid: number): Running | undefined {
  return parseStat(pid);
}

/** Processes whose environment holds `NAME=VALUE` exactly, zombies excluded. */
export function processesWithEnv(name: string, value: string): Running[] {
  const wanted = `\0${name}=${value}\0`;
  return runningProcesses().filter(({ pid, state }) => {
    if (state === 'Z') return false;
    try {
      return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`.includes(wanted);
    } catch {
      return false;
    }
  });
}

/** Processes that listen on a Unix socket below `directory`, wherever that socket was moved since. */
export function listenersBelow(directory: string): Running[] {
  const inodes = new Set<string>();
  for (const line of readFileSync('/proc/net/unix', 'latin1').split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path; the flag 00010000 says that it listens.
    const [, , , flags, , , inode, path] = line.trim().split(/\s+/);
    if (flags === '00010000' && path?.startsWith(`${directory}/`)) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return [];
  return runningProcesses().filter(({ pid }) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`)));
    } catch {
      return false;
    }
  });
}

/** Throws for anything but one real process: 0 and less mean whole process groups, 1 is the machine's own. */
export function signalProcess(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined || pid <= 1) throw new Error(`no process to send ${signal} to (${pid})`);
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Waits until `check` is true; polls because nobody tells us when somebody else's child has gone. */
export async function until(check: () => boolean, timeoutMs = 10_000): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (!check()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
