import { readdirSync, readlinkSync } from 'node:fs';

/**
 * Descriptors from 3 up that we were given and that the wrapped tool must get: the jobserver of a make above us, a log
 * opened by the shell. Node closes them on exec unless told otherwise, so they are named in `stdio`. Node's own are
 * told apart by what they are: epoll, eventfd and io_uring are anonymous inodes, and of its pipes it holds both ends.
 * That is also true of a jobserver, which MAKEFLAGS names.
 */
export function inheritedDescriptors(env: NodeJS.ProcessEnv): readonly number[] {
  const open = openDescriptors();
  const jobserver = jobserverDescriptors(env);
  const targets = [...open.values()];
  const isForeign = (target: string): boolean => {
    if (target.startsWith('pipe:')) return targets.indexOf(target) === targets.lastIndexOf(target);
    return !target.startsWith('anon_inode:') && !target.startsWith(`/proc/${process.pid}/`);
  };
  return [...open]
    .filter(([fd, target]) => fd > 2 && (jobserver.includes(fd) || isForeign(target)))
    .map(([fd]) => fd)
    .sort((a, b) => a - b);
}

/** Every open descriptor with what it leads to. Where /proc is not mounted only the standard ones are handed on. */
function openDescriptors(): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  try {
    for (const name of readdirSync('/proc/self/fd')) {
      try {
        found.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
      } catch {
        // The one that read the directory is closed by now.
      }
    }
  } catch {
    // No /proc.
  }
  return found;
}

/** `--jobserver-auth=3,4` (make 4.2 and later) or `--jobserver-fds=3,4`; the last one counts. A named FIFO has none. */
function jobserverDescriptors(env: NodeJS.ProcessEnv): readonly number[] {
  const all = [...(env.MAKEFLAGS ?? '').matchAll(/--jobserver-(?:auth|fds)=(\d+),(\d+)/g)];
  const last = all.at(-1);
  return last === undefined ? [] : [Number(last[1]), Number(last[2])];
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
