import { readFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import type { Input, NewEntry } from '../cache/manifest.ts';

/** What precompiled headers were made of that came from this cache or went into it, as long as the agent lives. */
export interface MadeHeaders {
  /** A result with a precompiled header among its outputs, stored or proved. */
  note(entry: NewEntry): void;
  /** By the digest of its bytes; undefined: it was made elsewhere, or long ago. */
  inputsOf(header: Digest): readonly Input[] | undefined;
}

/** A build has a handful; with some hundred inputs each this is a megabyte. */
const REMEMBERED = 64;

export function madeHeaders(): MadeHeaders {
  const known = new Map<Digest, readonly Input[]>();
  return {
    note({ outputs, inputs }) {
      const header = outputs.find(({ role }) => role === 'precompiled')?.ref.digest;
      if (header === undefined) return;
      known.delete(header);
      known.set(header, inputs);
      const [oldest] = known.keys();
      if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
    },
    inputsOf: (header) => known.get(header),
  };
}

/** True for a text without a directive, however it is spelled (`#`, `%:`, `??=`): the empty source that CMake precompiles. */
export function definesNothing(path: string): boolean {
  try {
    return !/[#%?]/.test(readFileSync(fsPath(path), 'latin1'));
  } catch {
    return false;
  }
}
