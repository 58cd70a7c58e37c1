import type { EncodedCheck } from './encoded-checks.ts';

/** Encoding of what the agent answers a launcher; the decoding side is `native/launcher.c`. */

/** The identity of a file system object at one moment. Times in nanoseconds since the epoch. */
export interface Stamp {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
}

/**
 * What the launcher proves by itself before it delivers. Paths are absolute byte strings; those of files, links and
 * 'no-link' directories hold no link before their last component.
 */
export type Check =
  | { readonly kind: 'file'; readonly path: string; readonly stamp: Stamp }
  | { readonly kind: 'directory'; readonly path: string; readonly stamp: Stamp }
  | { readonly kind: 'absent'; readonly path: string }
  /** Nothing to be had there for this user: absent, or behind a directory that may not be searched (root's PATH). */
  | { readonly kind: 'unreachable'; readonly path: string }
  /** Something other than a directory, which this user may read. */
  | { readonly kind: 'present'; readonly path: string }
  /** A directory, the same one. */
  | { readonly kind: 'identity'; readonly path: string; readonly stamp: Stamp }
  | { readonly kind: 'link'; readonly path: string; readonly stamp: Stamp }
  | { readonly kind: 'no-link'; readonly path: string };

/**
 * How the compiler itself opens an output, which decides what becomes of links, modes and devices at that path:
 * GNU `as` and objcopy through libbfd, fopen in place, or a temporary file renamed over it. `native/deliver.h` does it.
 */
export type Opening = 'like-bfd' | 'in-place' | 'like-rename';

export interface Delivery {
  /** Absolute path of the uncompressed blob. */
  readonly blob: string;
  readonly size: number;
  /** XXH64 in 16 hex digits. */
  readonly checksum: string;
  /** Where the launcher writes it: as the compiler would open it, relative to the launcher's directory. */
  readonly dest: string;
  readonly opening: Opening;
}

export interface HitAnswer {
  readonly note: string;
  readonly checks: readonly EncodedCheck[];
  readonly outputs: readonly Delivery[];
  readonly stderr: string;
}

/**
 * Stands in an argument for a file in the launcher's memory, whose content comes back with the report. Not a file in the
 * cache: on a full disk an option of ours must not fail a compile that works without it.
 */
export const LIST_IN_MEMORY = '\x01';

export interface ReportAnswer {
  /**
   * 'compile': our arguments before the user's; 'race': the same, but a hit that is sent meanwhile ends it, if it has shown
   * nothing yet; 'preprocess': ours alone, silently, stdout into `stdoutPath`.
   */
  readonly run: 'compile' | 'race' | 'preprocess';
  readonly note: string;
  readonly stdoutPath: string;
  readonly args: readonly string[];
  readonly captures: readonly { readonly from: string; readonly to: string }[];
}

const RUN: Record<ReportAnswer['run'], number> = { compile: 0, preprocess: 1, race: 2 };

const OPENING: Record<Opening, number> = { 'like-bfd': 0, 'in-place': 1, 'like-rename': 2 };

/** A writer into one growing buffer; grows by doubling. */
interface Writer {
  u8(value: number): void;
  u32(value: number): void;
  u64(value: bigint): void;
  text(value: string): void;
  path(value: string): void;
  /** Bytes as they are. */
  bytes(value: string): void;
  frame(): Buffer;
}

/** `size`: the room to begin with, in bytes. */
function writer(type: string, size = 512): Writer {
  let buffer = Buffer.allocUnsafe(size);
  let at = 4;
  const room = (size: number): void => {
    if (at + size <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + size));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  const u32 = (value: number): void => {
    room(4);
    at = buffer.writeUInt32LE(value >>> 0, at);
  };
  const bytes = (value: string): void => {
    room(value.length);
    at += buffer.write(value, at, 'latin1');
  };
  const u8 = (value: number): void => {
    room(1);
    at = buffer.writeUInt8(value, at);
  };
  u8(type.charCodeAt(0));
  return {
    u8,
    u32,
    u64(value) {
      room(8);
      at = buffer.writeBigUInt64LE(value, at);
    },
    text(value) {
      u32(value.length);
      bytes(value);
    },
    path(value) {
      u32(value.length + 1);
      bytes(value);
      u8(0);
    },
    bytes,
    frame() {
      buffer.writeUInt32LE(at - 4, 0);
      return Buffer.from(buffer.subarray(0, at));
    },
  };
}

/** "Become the compiler": nothing is cached or told. `slot`: only when one of the places on this machine is free. */
export function encodeRun(note: string, slot: boolean): Buffer {
  const w = writer('R');
  w.text(note);
  w.u8(slot ? 1 : 0);
  return w.frame();
}

/** "Say this and fail": for those who asked that nothing be compiled here. */
export function encodeFail(message: string): Buffer {
  const w = writer('F');
  w.text(message);
  return w.frame();
}

/** "Still at it": sent while a compile is under way elsewhere or waits for its turn, so that silence means trouble. */
export function encodeWait(): Buffer {
  return writer('W').frame();
}

export function encodeReport(answer: ReportAnswer): Buffer {
  const w = writer('X');
  w.u8(RUN[answer.run]);
  w.text(answer.note);
  w.path(answer.stdoutPath);
  w.u32(answer.args.length);
  for (const arg of answer.args) w.path(arg);
  w.u32(answer.captures.length);
  for (const { from, to } of answer.captures) {
    w.path(from);
    w.path(to);
  }
  return w.frame();
}

/** What the outputs of a hit take in its frame, and some. In bytes. */
const OUTPUTS_ROOM = 2048;

export function encodeHit(answer: HitAnswer): Buffer {
  const checks = answer.checks.join('');
  const w = writer('H', checks.length + answer.note.length + answer.stderr.length + OUTPUTS_ROOM);
  w.text(answer.note);
  w.u32(answer.checks.length);
  w.bytes(checks);
  w.u32(answer.outputs.length);
  for (const output of answer.outputs) {
    w.path(output.blob);
    w.path(output.dest);
    w.u64(BigInt(output.size));
    w.u64(BigInt(`0x${output.checksum}`));
    w.u8(OPENING[output.opening]);
  }
  w.text(answer.stderr);
  return w.frame();
}

/** A control reply: JSON. */
export function encodeControl(reply: unknown): Buffer {
  const w = writer('S');
  w.text(Buffer.from(JSON.stringify(reply), 'utf8').toString('latin1'));
  return w.frame();
}
