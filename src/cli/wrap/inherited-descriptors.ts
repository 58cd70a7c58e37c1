import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Descriptors from 3 up that we were given and that the wrapped tool must get: the jobserver of a make above us, a log
 * opened by the shell. Node closes them on exec unless told otherwise, so they are named in `stdio`. Node's own are
 * told apart by what they are: epoll and eventfd are anonymous inodes, its pipes are non-blocking. Make's jobserver
 * pipe may be non-blocking as well and is known by MAKEFLAGS.
 */
export function inheritedDescriptors(env: NodeJS.ProcessEnv): readonly number[] {
  const jobserver = jobserverDescriptors(env);
  let names: readonly string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    names = jobserver.map(String);
  }
  return names
    .map(Number)
    .filter((fd) => fd > 2 && (jobserver.includes(fd) ? isOpen(fd) : isForeign(fd)))
    .sort((a, b) => a - b);
}

/** `--jobserver-auth=3,4` (make 4.2 and later) or `--jobserver-fds=3,4`; the last one counts. A named FIFO has none. */
function jobserverDescriptors(env: NodeJS.ProcessEnv): readonly number[] {
  const all = [...(env.MAKEFLAGS ?? '').matchAll(/--jobserver-(?:auth|fds)=(\d+),(\d+)/g)];
  const last = all.at(-1);
  return last === undefined ? [] : [Number(last[1]), Number(last[2])];
}

function isOpen(fd: number): boolean {
  return target(fd) !== undefined;
}

function isForeign(fd: number): boolean {
  const what = target(fd);
  if (what === undefined || what.startsWith('anon_inode:') || what.startsWith(`/proc/${process.pid}/`)) return false;
  return !(what.startsWith('pipe:') && isNonBlocking(fd));
}

function target(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

const O_NONBLOCK = 0o4000;

function isNonBlocking(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0;
  } catch {
    return true;
  }
}

/** For `spawn`: 0, 1, 2 and the given ones at their own numbers; gaps stay closed. */
export function stdioWith(descriptors: readonly number[]): (number | 'ignore')[] {
  const stdio: (number | 'ignore')[] = [0, 1, 2];
  for (const fd of descriptors) {
    while (stdio.length < fd) stdio.push('ignore');
    stdio.push(fd);
  }
  return stdio;
}
