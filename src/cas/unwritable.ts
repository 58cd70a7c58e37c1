/**
 * The disk said no: full, read-only, over quota, without permission, or failing. A value and never an exception,
 * because a cache that cannot write is a slower build and not a broken one. `code` is the errno name (`ENOSPC`).
 */
export interface Unwritable {
  readonly kind: 'unwritable';
  readonly code: string;
}

/** True for an answer of the operating system; anything else that is thrown is a bug and must stay an exception. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'syscall' in error && typeof (error as NodeJS.ErrnoException).code === 'string';
}

/** The errno name of a system error; rethrows whatever is not one. */
export function errnoOf(error: unknown): string {
  if (!isSystemError(error)) throw error;
  return error.code;
}

/** A caught system error as a value; rethrows whatever is not one. */
export function asUnwritable(error: unknown): Unwritable {
  return { kind: 'unwritable', code: errnoOf(error) };
}
