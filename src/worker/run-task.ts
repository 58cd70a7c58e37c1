import { readFileSync } from 'node:fs';
import { fromBytes, fromNative, fsPath } from '../base/byte-string.ts';
import { type Digest, sha256 } from '../base/digest.ts';
import { errnoOf } from '../cas/unwritable.ts';
import type { CompileResult, OutputFile, Task } from '../contract/generated/hybridgrid/v1/build.ts';
import { INLINE_LIMIT, packLists, packOutput } from '../contract/packed.ts';
import type { BlobCache } from './blob-cache.ts';
import type { BlobServer } from './blob-server.ts';
import type { ClientFiles, Laid } from './client-files.ts';
import { planTask } from './compile-plan.ts';
import { type CompileTask, checkCommand, readTask } from './compile-task.ts';
import type { NotAcceptable } from './node-table.ts';
import type { Sandbox, SandboxOutcome } from './sandbox.ts';
import { type BoundFile, COMPILE_LIMITS, type SandboxPlan } from './sandbox-plan.ts';
import type { CopiedOutput } from './sandbox-status.ts';
import { digestFile } from './stamps.ts';
import type { Toolchains } from './toolchains.ts';

export interface TaskServices {
  readonly workerId: string;
  /** Of this machine, as in the contract. */
  readonly arch: string;
  readonly sandbox: Sandbox;
  readonly blobs: BlobCache;
  readonly files: ClientFiles;
  readonly toolchains: Toolchains;
  /** Whether compilers that are not installed here are taken from clients. */
  readonly takesToolchains: boolean;
}

/** How a task ended, for the coordinator. `reason` as in the contract. */
export type TaskOutcome =
  | { readonly kind: 'result'; readonly result: CompileResult }
  | {
      readonly kind: 'declined';
      readonly reason: string;
      readonly detail: string;
      /** With `no-toolchain` and `no-blob`: what is to be had neither here nor from the coordinator. */
      readonly missing: readonly Digest[];
    };

const declined = (reason: string, detail: string, missing: readonly Digest[] = []): TaskOutcome => ({
  kind: 'declined',
  reason,
  detail,
  missing,
});

/** Longer than any compile that somebody waits for. */
const MAX_WALL_MS = 3_600_000;
/** In bytes: response files are lists of words. */
const MAX_RESPONSE_FILE = 4 << 20;

/** Does one compile, from the wire to the wire. Never throws for what a client, the network or the disk did. */
export async function runTask(
  { spec, client, timeoutMs }: Task,
  from: BlobServer,
  services: TaskServices,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  if (spec === undefined) return declined('not-acceptable', 'no spec');
  const task = readTask(spec, services.arch);
  if (task.kind === 'not-acceptable') return refused(task);
  const own = await services.toolchains.compare([...task.parts.files.values()]);
  const [other] = own.different;
  if (other !== undefined && !services.takesToolchains) return declined('no-toolchain', `another ${other.path} here`);
  const here = new Map(own.same.map(({ part, stamp }) => [part.path, stamp]));
  const wanted = [...task.tree.files.values()].filter(({ path }) => !here.has(path));
  const laid = await services.files.lay(client, wanted, (blobs) => services.blobs.hold(blobs, from));
  if (laid.kind !== 'laid') return unavailable(laid, own.different);
  try {
    const files: BoundFile[] = [
      ...[...here].map(([path, version]) => ({ path, source: path, version })),
      ...wanted.map(({ path }, i) => ({ path, source: laid.sources[i] as string, version: '' })),
    ];
    const wrong = checkCommand(task, (path) => readText(files.find((file) => file.path === path)?.source));
    if (wrong !== undefined) return refused(wrong);
    const wallMs = timeoutMs > 0 ? Math.min(timeoutMs, MAX_WALL_MS) : COMPILE_LIMITS.wallMs;
    const plan = planTask(task, files, laid.home, { ...COMPILE_LIMITS, wallMs });
    return await compile(task, plan, from, services, signal, own.stillHolds);
  } finally {
    laid.release();
  }
}

function refused({ detail }: NotAcceptable): TaskOutcome {
  return declined('not-acceptable', detail);
}

/** A compiler that neither this machine nor the coordinator has can be brought by the client; anything else is trouble. */
function unavailable(
  laid: Exclude<Laid, { kind: 'laid' }>,
  parts: readonly { digest: Digest; path: string }[],
): TaskOutcome {
  if (laid.kind === 'failed') return declined('internal', laid.why);
  const lacking = parts.filter(({ digest }) => laid.digests.includes(digest));
  const [part] = lacking;
  if (part === undefined) return declined('no-blob', laid.digests.join(' '), laid.digests);
  const missing = [...new Set(lacking.map(({ digest }) => digest))];
  return declined('no-toolchain', `another ${part.path} here, or none`, missing);
}

function readText(source: string | undefined): string | undefined {
  try {
    const bytes = source === undefined ? undefined : readFileSync(fsPath(source));
    return bytes === undefined || bytes.length > MAX_RESPONSE_FILE ? undefined : fromBytes(bytes);
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}

async function compile(
  task: CompileTask,
  plan: SandboxPlan,
  from: BlobServer,
  services: TaskServices,
  signal: AbortSignal,
  compilerHolds: () => boolean,
): Promise<TaskOutcome> {
  let release = (): void => {};
  try {
    const outcome = await services.sandbox.run(plan, signal);
    if (outcome.kind !== 'ended') return interrupted(outcome);
    release = outcome.release;
    // Upgraded while it was at work: which of the two made the result is not known.
    if (!compilerHolds()) return declined('internal', 'the compiler changed');
    return await resultOf(task, outcome, from, services.workerId);
  } catch (error) {
    return declined('internal', errnoOf(error));
  } finally {
    release();
  }
}

function interrupted(outcome: Exclude<SandboxOutcome, { kind: 'ended' }>): TaskOutcome {
  switch (outcome.kind) {
    case 'aborted':
      return declined('internal', 'cancelled');
    case 'limit':
      return outcome.which === 'wall' ? declined('timeout', 'wall') : declined('limit', outcome.which);
    case 'killed':
      return declined('limit', `signal ${outcome.signal}`);
    case 'broken':
      return declined('internal', `sandbox: ${outcome.what}`);
  }
}

async function resultOf(
  task: CompileTask,
  ended: Extract<SandboxOutcome, { kind: 'ended' }>,
  from: BlobServer,
  workerId: string,
): Promise<TaskOutcome> {
  const { exitCode } = ended;
  const outputs: OutputFile[] = [];
  const lists: Buffer[] = [];
  for (const [i, copied] of ended.outputs.entries()) {
    const wanted = task.outputs[i];
    if (wanted === undefined) {
      if (copied.kind !== 'present' && copied.kind !== 'absent') return declined('limit', `list: ${copied.kind}`);
      lists.push(copied.kind === 'present' ? readFileSync(copied.path) : Buffer.alloc(0));
      continue;
    }
    const sent = exitCode === 0 ? await send(wanted.role, copied, from) : absent(wanted.role);
    if ('kind' in sent) return sent;
    if (exitCode === 0 && wanted.required && !sent.present) return declined('internal', `no ${wanted.role}`);
    outputs.push(sent);
  }
  const { stdout, stderr, wallMs, cpuMs } = ended;
  const times = { compileMs: wallMs, cpuMs, queueMs: 0 };
  return {
    kind: 'result',
    result: { exitCode, stdout, stderr, outputs, ...packLists(lists), ...times, workerId, fromCache: false },
  };
}

const absent = (role: string): OutputFile => ({
  role,
  digest: Buffer.alloc(0),
  size: 0n,
  data: Buffer.alloc(0),
  present: false,
  packed: false,
});

async function send(role: string, copied: CopiedOutput, from: BlobServer): Promise<OutputFile | TaskOutcome> {
  if (copied.kind === 'absent') return absent(role);
  if (copied.kind !== 'present')
    return declined(copied.kind === 'failed' ? 'internal' : 'limit', `${role}: ${copied.kind}`);
  const path = fromNative(copied.path);
  const size = BigInt(copied.size);
  if (copied.size <= INLINE_LIMIT) {
    const data = readFileSync(copied.path);
    return packOutput({ role, digest: Buffer.from(sha256(data), 'hex'), size, present: true, packed: false, data });
  }
  const found = await digestFile(path);
  if (found === undefined) return declined('internal', `${role}: unreadable`);
  const file = { role, digest: Buffer.from(found.digest, 'hex'), size, present: true, packed: false };
  const sent = await from.upload(found.digest, copied.size, path);
  if (sent.kind === 'done') return { ...file, data: Buffer.alloc(0) };
  return declined('internal', `${role}: not taken: ${sent.kind === 'failed' ? sent.why : sent.kind}`);
}
