/**
 * The frames between launcher and agent; `native/wire.h` and `native/launcher.c` are the other end. A frame is u32
 * length of what follows, u8 type, payload; integers little-endian, strings u32 length + bytes (byte strings here).
 * Strings that the launcher uses in place as paths carry a terminating NUL inside their length.
 */

/** Must equal WIRE_VERSION in native/wire.h. */
export const WIRE_VERSION = 3;
/** A request longer than this is no compiler call (Linux' ARG_MAX is 2 MiB by default, 6 MiB at most on common set-ups). */
const REQUEST_LIMIT = 64 << 20;

export type FrameType = 'compile' | 'mismatch' | 'bad-blob' | 'done' | 'ended' | 'control';
const TYPES: Readonly<Record<number, FrameType>> = {
  67: 'compile',
  77: 'mismatch',
  66: 'bad-blob',
  68: 'done',
  69: 'ended',
  74: 'control',
};

export interface Frame {
  readonly type: FrameType;
  readonly payload: Buffer;
}

/** Cuts a byte stream into frames. `undefined` from {@link FrameCutter.push} means the peer speaks something else. */
export interface FrameCutter {
  push(chunk: Buffer): Frame[] | undefined;
}

export function frameCutter(): FrameCutter {
  let pending: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const frames: Frame[] = [];
      while (pending.length >= 5) {
        const length = pending.readUInt32LE(0);
        const type = TYPES[pending[4] ?? 0];
        if (type === undefined || length < 1 || length > REQUEST_LIMIT) return undefined;
        if (pending.length < 4 + length) break;
        frames.push({ type, payload: pending.subarray(5, 4 + length) });
        pending = pending.subarray(4 + length);
      }
      return frames;
    },
  };
}

/** Thrown by readers on a frame that ends too early; the connection is then closed and the launcher compiles. */
export class WireError extends Error {
  readonly code = 'HG_WIRE';
}

interface Reader {
  u8(): number;
  u32(): number;
  u64(): bigint;
  text(): string;
}

function reader(payload: Buffer): Reader & { position(): number } {
  let at = 0;
  const need = (size: number): number => {
    if (at + size > payload.length) throw new WireError('a frame ends too early');
    at += size;
    return at - size;
  };
  const u32 = (): number => payload.readUInt32LE(need(4));
  return {
    u8: () => payload.readUInt8(need(1)),
    u32,
    u64: () => payload.readBigUInt64LE(need(8)),
    text() {
      const size = u32();
      const start = need(size);
      return payload.toString('latin1', start, start + size);
    },
    position: () => at,
  };
}

/** One compiler call as the launcher saw it. All strings are byte strings. */
export interface CompileRequest {
  /** Equal for equal calls: everything below but the session. */
  readonly memoKey: string;
  readonly session: string;
  readonly stderrIsTerminal: boolean;
  /** Absolute path of the compiler; the launcher found it in PATH past itself. */
  readonly compiler: string;
  readonly cwd: string;
  /** Without argv[0]. */
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
}

/** The part of a request that is cheap to read: enough to find a prepared answer. */
export interface RequestHead {
  readonly session: string;
  readonly memoKey: string;
}

function readHead(payload: Buffer): { head: RequestHead; terminal: boolean; bodyAt: number } {
  const r = reader(payload);
  if (r.u8() !== WIRE_VERSION) throw new WireError('another protocol version');
  const flags = r.u8();
  const session = r.text();
  const bodyAt = r.position();
  const memoKey = String.fromCharCode(flags) + payload.toString('latin1', bodyAt);
  return { head: { session, memoKey }, terminal: (flags & 1) === 1, bodyAt };
}

export function decodeRequestHead(payload: Buffer): RequestHead {
  return readHead(payload).head;
}

export function decodeCompileRequest(payload: Buffer): CompileRequest {
  const { head, terminal, bodyAt } = readHead(payload);
  const r = reader(payload.subarray(bodyAt));
  const compiler = r.text();
  const cwd = r.text();
  const args: string[] = [];
  for (let left = r.u32(); left > 0; left--) args.push(r.text());
  const env = new Map<string, string>();
  for (let left = r.u32(); left > 0; left--) {
    const entry = r.text();
    const equals = entry.indexOf('=');
    if (equals > 0) env.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return { ...head, stderrIsTerminal: terminal, compiler, cwd, args, env };
}

export function decodeMismatch(payload: Buffer): number[] {
  const indexes: number[] = [];
  for (let at = 0; at + 4 <= payload.length; at += 4) indexes.push(payload.readUInt32LE(at));
  return indexes;
}

export function decodeBadBlob(payload: Buffer): number {
  return reader(payload).u32();
}

/** Nanoseconds from the launcher's start to the delivered result. */
export function decodeDone(payload: Buffer): bigint {
  return reader(payload).u64();
}

export type Captured = 'ok' | 'absent' | 'failed' | 'special';
const CAPTURED: readonly Captured[] = ['ok', 'absent', 'failed', 'special'];

/** How a compile ended that the launcher ran for us. */
export interface CompileEnded {
  /** As wait(2) gives it; 0 is success. */
  readonly status: number;
  /** Real time, nanoseconds. */
  readonly startedNs: bigint;
  /** What the kernel would have stamped a file with at the start, nanoseconds: it counts in ticks of some milliseconds. */
  readonly stampsFromNs: bigint;
  readonly endedNs: bigint;
  /** User and system time of the compiler and its children, microseconds. */
  readonly cpuUs: number;
  readonly captures: readonly Captured[];
  readonly stderrTooLong: boolean;
  readonly stderr: string;
  /** What the compiler wrote into the lists of the report answer's arguments, in their order. */
  readonly lists: readonly string[];
}

export function decodeEnded(payload: Buffer): CompileEnded {
  const r = reader(payload);
  const status = r.u32();
  const startedNs = r.u64();
  const stampsFromNs = r.u64();
  const endedNs = r.u64();
  const cpuUs = Number(r.u64());
  const captures: Captured[] = [];
  for (let left = r.u32(); left > 0; left--) captures.push(CAPTURED[r.u8()] ?? 'failed');
  const stderrTooLong = r.u8() !== 0;
  const stderr = r.text();
  const lists: string[] = [];
  for (let left = r.u32(); left > 0; left--) lists.push(r.text());
  return { status, startedNs, stampsFromNs, endedNs, cpuUs, captures, stderrTooLong, stderr, lists };
}
