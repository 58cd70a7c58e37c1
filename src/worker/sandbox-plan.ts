import { toBytes } from '../base/byte-string.ts';

/** What a sandbox holds and runs. Paths, words and values are byte strings; paths are absolute and tidy. */
export interface SandboxPlan {
  /** Files of this machine, and where the program finds them, read-only. */
  readonly files: readonly BoundFile[];
  readonly directories: readonly string[];
  /** Directories that the program may write into. */
  readonly writable: readonly string[];
  readonly links: readonly PlannedLink[];
  /** The path of the program first. Empty: everything is made ready and nothing run. */
  readonly argv: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly cwd: string;
  readonly outputs: readonly PlannedOutput[];
  readonly limits: SandboxLimits;
}

export interface BoundFile {
  readonly source: string;
  readonly path: string;
}

export interface PlannedLink {
  readonly path: string;
  /** As the link is to hold it. */
  readonly target: string;
}

/** A file that the program may write. */
export interface PlannedOutput {
  /** As the program opens it: absolute, or relative to its directory. */
  readonly path: string;
  /** In bytes; what is larger is not copied out. */
  readonly limit: number;
}

/** How much a program may take. The limits of the kernel count each process; a pid namespace has few of them. */
export interface SandboxLimits {
  readonly wallMs: number;
  readonly cpuSeconds: number;
  /** Address space of one process, in bytes. */
  readonly memoryBytes: number;
  /** One file, in bytes. */
  readonly fileBytes: number;
  /** Everything that is written, in bytes: it lies in memory. */
  readonly writtenBytes: number;
  readonly processes: number;
  /** Standard output and standard error, in bytes each. */
  readonly streamBytes: number;
}

const MIB = 1 << 20;

/** Room for the largest compile there is, and an end to one that never stops. */
export const COMPILE_LIMITS: SandboxLimits = {
  wallMs: 600_000,
  cpuSeconds: 1200,
  memoryBytes: 16 * 1024 * MIB,
  fileBytes: 1024 * MIB,
  writtenBytes: 2048 * MIB,
  // clang and gcc's LTO start threads, which count.
  processes: 128,
  streamBytes: 16 * MIB,
};

/** The numbers of <sys/resource.h>, which are the same on every architecture that Node's Linux builds run on. */
const RLIMIT = { cpu: 0, fsize: 1, core: 4, nproc: 6, as: 9 } as const;

/** Where this process takes part in a run. */
export interface RunPlaces {
  /** Who must be alive for the sandbox to go on. */
  readonly parentPid: number;
  /** An empty directory to mount the root on; many runs may use it at once, for nobody else sees the mount. */
  readonly mountPoint: string;
  /** Outputs are copied here, named by their number. */
  readonly outputDirectory: string;
}

/** The plan as `native/nsrun.c` reads it. */
export function encodePlan(plan: SandboxPlan, places: RunPlaces): Buffer {
  const records: Buffer[] = [];
  const add = (tag: string, first: string, second = ''): void => {
    records.push(toBytes(tag), field(first), field(second));
  };
  const { limits } = plan;
  add('P', `${places.parentPid}`);
  add('T', places.mountPoint, `mode=755,nr_inodes=200000,size=${limits.writtenBytes}`);
  add('U', places.outputDirectory);
  for (const path of plan.directories) add('D', path);
  for (const path of plan.writable) add('W', path);
  for (const { source, path } of plan.files) add('F', source, path);
  for (const { path, target } of plan.links) add('L', target, path);
  for (const { path, limit } of plan.outputs) add('O', path, `${limit}`);
  for (const [name, value] of plan.env) add('E', `${name}=${value}`);
  for (const word of plan.argv) add('A', word);
  add('C', plan.cwd);
  add('R', `${RLIMIT.cpu}`, `${limits.cpuSeconds}`);
  add('R', `${RLIMIT.as}`, `${limits.memoryBytes}`);
  add('R', `${RLIMIT.fsize}`, `${limits.fileBytes}`);
  add('R', `${RLIMIT.nproc}`, `${limits.processes}`);
  add('R', `${RLIMIT.core}`, '0');
  return Buffer.concat(records);
}

function field(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length + 5);
  bytes.writeUInt32LE(text.length, 0);
  bytes.write(text, 4, 'latin1');
  bytes[text.length + 4] = 0;
  return bytes;
}
