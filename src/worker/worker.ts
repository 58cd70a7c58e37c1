import { mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism, hostname, loadavg, totalmem } from 'node:os';
import { fromNative } from '../base/byte-string.ts';
import type { TlsIdentity } from '../base/tls-identity.ts';
import { errnoOf } from '../cas/unwritable.ts';
import type { WorkerCapabilities } from '../contract/generated/hybridgrid/v1/build.ts';
import { stayAttached } from './attach.ts';
import { openBlobCache } from './blob-cache.ts';
import { clientFiles } from './client-files.ts';
import { directServer, type ListenRule } from './direct-server.ts';
import { gpusOf } from './gpus.ts';
import { runTask, type TaskServices } from './run-task.ts';
import { namespaceSandbox, type Sandbox } from './sandbox.ts';
import { COMPILE_LIMITS } from './sandbox-plan.ts';
import { toolchains } from './toolchains.ts';

export interface WorkerOptions {
  readonly coordinator: { readonly host: string; readonly port: number };
  readonly token?: string | undefined;
  readonly tls?: TlsIdentity | undefined;
  /** Compiles at once. */
  readonly slots: number;
  /** Blobs, files of clients and what compiles leave; made if missing. A native string. */
  readonly workDir: string;
  /** In bytes; half of it for blobs, half for files of clients. */
  readonly diskBytes: number;
  readonly workerId: string;
  /** Whether compilers that are not installed here are taken from clients. */
  readonly takesToolchains: boolean;
  readonly version: string;
  readonly log: (message: string, details?: object) => void;
  /** With its abort the worker takes no more tasks, finishes those it has, and leaves. */
  readonly signal: AbortSignal;
  /** Path of `hg-nsrun`. */
  readonly nsrun: string;
  /** Where clients may bring compiles themselves; and whether beyond this machine without TLS. */
  readonly listen: ListenRule;
  readonly insecure: boolean;
  /** The container engine of this machine; '' for none. */
  readonly engine: string;
}

const CLIENT_IDLE_MS = 600_000;
const SWEEP_MS = 60_000;

/** Lends this machine to the grid until it is told to leave. */
export async function serveWorker(options: WorkerOptions): Promise<void> {
  const { workDir, diskBytes, workerId, nsrun, log } = options;
  mkdirSync(workDir, { recursive: true, mode: 0o700 });
  removeLeftovers(workDir);
  const own = `${workDir}/run-${process.pid}`;
  const [mountPoint, runDirectory] = [`${own}/root`, `${own}/compiles`];
  for (const path of [own, mountPoint, runDirectory]) mkdirSync(path, { mode: 0o700 });
  const sandbox = namespaceSandbox({ nsrun, mountPoint, directory: runDirectory });
  const trouble = await tryOut(sandbox);
  if (trouble !== undefined) log('compiles cannot be kept apart here: no slots are offered', { why: trouble });
  const capabilities = capabilitiesOf(options, trouble === undefined);
  const bytes = Math.floor(diskBytes / 2);
  const files = { directory: fromNative(`${own}/clients`), limitBytes: bytes, idleMs: CLIENT_IDLE_MS, now: Date.now };
  const services: TaskServices = {
    workerId,
    arch: capabilities.arch,
    sandbox,
    blobs: openBlobCache(fromNative(`${workDir}/blobs`), bytes),
    files: clientFiles(files),
    toolchains: toolchains(),
    takesToolchains: options.takesToolchains,
  };
  const direct = directServer({ ...options, rule: options.listen });
  const sweeper = setInterval(() => services.files.sweep(), SWEEP_MS);
  try {
    await stayAttached({
      ...options,
      capabilities,
      direct,
      state: () => ({ loadPercent: Math.round((loadavg()[0] ?? 0) * 100), diskFreeBytes: freeBytes(workDir) }),
      run: (task, from, signal) => runTask(task, from, services, signal),
    });
  } finally {
    clearInterval(sweeper);
    await direct.close();
    await sandbox.close();
    rmSync(own, { recursive: true, force: true });
  }
}

/** Makes a sandbox and runs nothing in it: why it does not work, or undefined. */
async function tryOut(sandbox: Sandbox): Promise<string | undefined> {
  const nothing = { files: [], directories: [], writable: ['/try'], links: [], argv: [], env: [], outputs: [] };
  const limits = { ...COMPILE_LIMITS, wallMs: 30_000 };
  const outcome = await sandbox.run({ ...nothing, home: '', cwd: '/try', limits }, new AbortController().signal);
  if (outcome.kind !== 'ended') return outcome.kind === 'broken' ? outcome.what : outcome.kind;
  outcome.release();
  return outcome.exitCode === 0 ? undefined : `exit code ${outcome.exitCode}`;
}

/** As the contract spells them. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

function capabilitiesOf(
  { slots, diskBytes, workerId, version, engine }: WorkerOptions,
  works: boolean,
): WorkerCapabilities {
  return {
    workerId,
    hostname: hostname(),
    cpuCores: availableParallelism(),
    memoryBytes: BigInt(totalmem()),
    diskBytes: BigInt(diskBytes),
    arch: ARCHITECTURES[process.arch] ?? process.arch,
    os: process.platform,
    version,
    slots: works ? slots : 0,
    gpus: gpusOf(),
    // Known only by a client's parts: any worker of the architecture may be asked.
    toolchains: [],
    engine,
    isolation: works ? 'namespaces' : 'none',
    // Known when it attaches.
    listens: '',
  };
}

function freeBytes(path: string): bigint {
  try {
    const { bavail, bsize } = statfsSync(path, { bigint: true });
    return bavail * bsize;
  } catch (error) {
    errnoOf(error);
    return 0n;
  }
}

/** What workers that are gone left behind. */
function removeLeftovers(workDir: string): void {
  for (const name of readdirSync(workDir)) {
    const pid = /^run-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue;
    rmSync(`${workDir}/${name}`, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
