import { readFileSync } from 'node:fs';

/** What this machine says of its load at one moment. */
export interface LoadSample {
  /** Monotonic, milliseconds. */
  readonly atMs: number;
  /** Tasks that run or could, of the whole machine and this process among them; undefined where that is not known. */
  readonly runnable: number | undefined;
  /** How long somebody waited for a processor since the machine started, in microseconds; undefined without PSI. */
  readonly cpuWaitUs: number | undefined;
  /** How long everybody waited for memory: of the machine, then of our cgroup. Microseconds. */
  readonly memoryStallUs: readonly number[];
  /** The same for disks. */
  readonly ioStallUs: readonly number[];
}

export interface MachineLoad {
  sample(): LoadSample;
}

export interface LoadPorts {
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Where /proc and /sys are: empty but in tests. */
  readonly root?: string;
  /**
   * Whether all processors of the machine are ours to use. Where they are not (a container's quota, an affinity), the
   * queue of the whole machine says nothing of those that are.
   */
  readonly wholeMachine: () => boolean;
}

/** Reads pressure stall information (kernel 4.20, Documentation/accounting/psi.rst) and the run queue's length. */
export function machineLoad({ now, root = '', wholeMachine }: LoadPorts): MachineLoad {
  const read = (path: string): string => {
    try {
      return readFileSync(`${root}${path}`, 'latin1');
    } catch {
      // Switched off in the kernel, not mounted, or another system.
      return '';
    }
  };
  let place: { readonly group: string | undefined; readonly isWhole: boolean } | undefined;
  const stalls = (kind: string, group: string | undefined): number[] => {
    const places = [`/proc/pressure/${kind}`, ...(group === undefined ? [] : [`${group}/${kind}.pressure`])];
    return places.map((path) => totalOf(read(path), 'full') ?? 0);
  };
  return {
    sample() {
      // Asked of the system once, and not before there is something to compile.
      place ??= { group: ownGroup(read('/proc/self/cgroup')), isWhole: wholeMachine() };
      return {
        atMs: now(),
        runnable: place.isWhole ? runnableOf(read('/proc/loadavg')) : undefined,
        cpuWaitUs: place.isWhole ? totalOf(read('/proc/pressure/cpu'), 'some') : undefined,
        memoryStallUs: stalls('memory', place.group),
        ioStallUs: stalls('io', place.group),
      };
    },
  };
}

/** Our directory of the second hierarchy; undefined at its root, whose pressure is the machine's. */
function ownGroup(text: string): string | undefined {
  const path = /^0::(\/.+)$/m.exec(text)?.[1];
  return path === undefined ? undefined : `/sys/fs/cgroup${path}`;
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`: the averages are of ten seconds and more, the total is of now. */
function totalOf(text: string, line: 'some' | 'full'): number | undefined {
  const found = new RegExp(`^${line} .*total=(\\d+)`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** `0.20 0.18 0.12 3/80 11206`: the fourth field is running/all. */
function runnableOf(text: string): number | undefined {
  const found = /^\S+ \S+ \S+ (\d+)\//.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
