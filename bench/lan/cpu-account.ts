/** CPU time of everything that runs on one host, by a control group of its own: daemons and what they start included. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

export interface CpuAccount {
  /** Before any command whose time is to be counted. */
  readonly join: readonly string[];
  /** User and system time so far, in milliseconds. */
  usedMs(): number;
  remove(): void;
}

/** Where version 2 of the control groups is mounted, alone or beside version 1. */
const ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

/** Undefined where control groups cannot be made: then no CPU time is shown. */
export function openCpuAccount(name: string): CpuAccount | undefined {
  const root = ROOTS.find((each) => existsSync(join(each, 'cgroup.controllers')));
  if (root === undefined) return undefined;
  const directory = join(root, name);
  try {
    mkdirSync(directory);
  } catch {
    return undefined;
  }
  return {
    join: ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(directory, 'cgroup.procs')],
    usedMs: () => Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(directory, 'cpu.stat'), 'utf8'))?.[1]) / 1000,
    remove() {
      try {
        rmdirSync(directory);
      } catch {
        // Something still runs in it; it is empty of figures.
      }
    },
  };
}
