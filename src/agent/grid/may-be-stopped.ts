import { lstatSync } from 'node:fs';
import { fsPath } from '../../base/byte-string.ts';
import type { Output } from '../../compiler/invocation.ts';
import { type Description, inDirectory } from '../describe.ts';

/**
 * Whether a compile here may be stopped half-way and a result from elsewhere be delivered in its place, without a trace.
 * A gcc that is stopped removes the outputs it has named so far, and with one that was there before go a link, a mode or
 * other names of it, which the plain compiler keeps if it writes in place. So outputs have to be new; or objects with
 * something in them, which the assembler and clang replace by themselves; or depfiles, which no stopped gcc removes.
 */
export function mayBeStopped({ invocation, request }: Description): boolean {
  return invocation.outputs.every(({ path, role }) => isReplaceable(inDirectory(request.cwd, path), role));
}

/** The same for one output of this path. */
export function isReplaceable(path: string, role: Output['role']): boolean {
  try {
    const found = lstatSync(fsPath(path), { throwIfNoEntry: false });
    if (found === undefined) return true;
    return found.isFile() && (role === 'depfile' || (role === 'object' && found.size > 0));
  } catch {
    return false;
  }
}
