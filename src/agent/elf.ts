import { closeSync, openSync, readSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';

/** What the first bytes of a program say: a script, an ELF program with its loader (none if static), or neither. */
export type ProgramKind =
  | { readonly kind: 'script' }
  | { readonly kind: 'elf'; readonly interpreter: string | undefined }
  | { readonly kind: 'unknown' };

const PT_INTERP = 3;

/** Reads the program header table of an ELF file (System V ABI, chapter 5) for the path of its dynamic loader. */
export function programKind(path: string): ProgramKind {
  const head = Buffer.alloc(4096);
  let size = 0;
  try {
    const fd = openSync(fsPath(path), 'r');
    try {
      size = readSync(fd, head, 0, head.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return { kind: 'unknown' };
  }
  if (head.toString('latin1', 0, 2) === '#!') return { kind: 'script' };
  if (size < 64 || head.toString('latin1', 0, 4) !== '\x7fELF') return { kind: 'unknown' };
  return { kind: 'elf', interpreter: interpreterOf(head, size) };
}

function interpreterOf(head: Buffer, size: number): string | undefined {
  const wide = head[4] === 2;
  const little = head[5] === 1;
  const u16 = (at: number): number => (little ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const u32 = (at: number): number => (little ? head.readUInt32LE(at) : head.readUInt32BE(at));
  const word = (at: number): number => {
    if (!wide) return u32(at);
    return little ? Number(head.readBigUInt64LE(at)) : Number(head.readBigUInt64BE(at));
  };
  const table = wide ? word(32) : u32(28);
  const entrySize = u16(wide ? 54 : 42);
  const count = u16(wide ? 56 : 44);
  for (let i = 0; i < count; i++) {
    const at = table + i * entrySize;
    if (at + entrySize > size) return undefined;
    if (u32(at) !== PT_INTERP) continue;
    const offset = wide ? word(at + 8) : u32(at + 4);
    const length = wide ? word(at + 32) : u32(at + 16);
    if (offset + length > size) return undefined;
    return head.toString('latin1', offset, offset + length - 1);
  }
  return undefined;
}
