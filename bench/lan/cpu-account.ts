/** A control group for each host: the CPU time of everything that runs on it, and the end of all of it. */
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { signalProcess, until } from '../../test/bed/processes.ts';

export interface CpuAccount {
  /** Before any command whose time is to be counted. */
  readonly join: readonly string[];
  /** User and system time so far, in milliseconds. */
  usedMs(): number;
  /** Ends what is left in it: all of that was started for this host. */
  remove(): Promise<void>;
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
    async remove() {
      const left = (): number[] =>
        readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').map(Number).filter(Boolean);
      for (const pid of left()) signalProcess(pid, 'SIGTERM');
      if (!(await until(() => left().length === 0, 2_000))) for (const pid of left()) signalProcess(pid, 'SIGKILL');
      await until(() => left().length === 0);
      rmdirSync(directory);
    },
  };
}
