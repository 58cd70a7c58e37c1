/** What a sandbox holds and runs. Paths, words and values are byte strings; paths are absolute and tidy. */
export interface SandboxPlan {
  /**
   * Runs with one home follow each other in one root, changed from plan to plan, which is what makes a run cheap. Whoever
   * must learn nothing of each other has homes of their own.
   */
  readonly home: string;
  /** Files of this machine, and where the program finds them, read-only. */
  readonly files: readonly BoundFile[];
  /** Small files that are not on this machine, read-only. */
  readonly texts?: readonly PlannedText[];
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
  /** Differs whenever the bytes of `source` may; empty for one that never changes. */
  readonly version: string;
}

export interface PlannedText {
  readonly path: string;
  readonly text: string;
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

/** Where this process takes part in the runs of one helper. */
export interface RunPlaces {
  /** Who must be alive for the sandbox to go on. */
  readonly parentPid: number;
  /** An empty directory to mount the root on; many helpers may use it at once, for nobody else sees the mount. */
  readonly mountPoint: string;
  /** Outputs are copied here, named by their number. */
  readonly outputDirectory: string;
  /** Everything that is written in one root, in bytes. */
  readonly writtenBytes: number;
}

type PlanRecord = readonly [tag: string, a: string, b?: string, c?: string];

/** The first plan, as `native/nsrun.c` reads it. */
export function encodePlaces({ parentPid, mountPoint, outputDirectory, writtenBytes }: RunPlaces): Buffer {
  return encode([
    ['P', `${parentPid}`],
    ['T', mountPoint, `mode=755,nr_inodes=200000,size=${writtenBytes}`],
    ['U', outputDirectory],
  ]);
}

/** Any other plan. */
export function encodePlan(plan: SandboxPlan): Buffer {
  const { limits } = plan;
  const records: PlanRecord[] = [];
  for (const path of plan.directories) records.push(['D', path]);
  for (const path of plan.writable) records.push(['W', path]);
  for (const { path, source, version } of plan.files) records.push(['F', path, source, version]);
  for (const { path, target } of plan.links) records.push(['L', path, target]);
  for (const { path, limit } of plan.outputs) records.push(['O', path, `${limit}`]);
  for (const [name, value] of plan.env) records.push(['E', `${name}=${value}`]);
  for (const word of plan.argv) records.push(['A', word]);
  records.push(
    ['C', plan.cwd],
    ['R', `${RLIMIT.cpu}`, `${limits.cpuSeconds}`],
    ['R', `${RLIMIT.as}`, `${limits.memoryBytes}`],
    ['R', `${RLIMIT.fsize}`, `${limits.fileBytes}`],
    ['R', `${RLIMIT.nproc}`, `${limits.processes}`],
    ['R', `${RLIMIT.core}`, '0'],
    ['S', `${limits.streamBytes}`],
  );
  return encode(records);
}

/** Of a record: its tag, and length and NUL of three strings. */
const RECORD_BYTES = 1 + 3 * 5;

function encode(records: readonly PlanRecord[]): Buffer {
  let size = 0;
  for (const [, a, b = '', c = ''] of records) size += RECORD_BYTES + a.length + b.length + c.length;
  const bytes = Buffer.allocUnsafe(4 + size);
  let at = bytes.writeUInt32LE(size, 0);
  const put = (text: string): void => {
    at = bytes.writeUInt32LE(text.length, at);
    at += bytes.write(text, at, 'latin1');
    bytes[at++] = 0;
  };
  for (const [tag, a, b = '', c = ''] of records) {
    bytes[at++] = tag.charCodeAt(0);
    put(a);
    put(b);
    put(c);
  }
  return bytes;
}
