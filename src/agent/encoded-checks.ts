import type { Check } from './answers.ts';

/**
 * A check as it stands in the frame of a hit: u8 kind, the path, and what the launcher compares with. A byte string, so
 * that a frame is joined from them; made only here.
 */
export type EncodedCheck = string & { readonly __brand: 'EncodedCheck' };

const CHECK_KIND: Record<Check['kind'], number> = {
  file: 1,
  directory: 2,
  absent: 3,
  present: 4,
  identity: 5,
  link: 6,
  'no-link': 7,
  unreachable: 8,
};

/** What stands around a path at most: kind, length, NUL and five numbers. In bytes. */
const AROUND_PATH = 1 + 4 + 1 + 5 * 8;
/** Every check is written here first; a path that Linux takes fits. */
const DRAFT = Buffer.allocUnsafeSlow(4096 + AROUND_PATH);
const DRAFT_VIEW = new DataView(DRAFT.buffer, DRAFT.byteOffset, DRAFT.length);

export function encodeCheck(check: Check): EncodedCheck {
  const { kind, path } = check;
  const size = path.length + AROUND_PATH;
  const draft = size <= DRAFT.length ? DRAFT : Buffer.allocUnsafeSlow(size);
  draft[0] = CHECK_KIND[kind];
  draft.writeUInt32LE(path.length + 1, 1);
  let at = 5 + draft.write(path, 5, 'latin1');
  draft[at++] = 0;
  if ('stamp' in check) at = writeStamp(draft, at, check);
  return draft.toString('latin1', 0, at) as EncodedCheck;
}

function writeStamp(draft: Buffer, start: number, { kind, stamp }: Extract<Check, { stamp: unknown }>): number {
  // A DataView's way to write a u64 is V8's own; a Buffer's makes eight numbers of each.
  const view = draft === DRAFT ? DRAFT_VIEW : new DataView(draft.buffer, draft.byteOffset, draft.length);
  let at = start;
  const u64 = (value: bigint): void => {
    view.setBigUint64(at, value, true);
    at += 8;
  };
  u64(stamp.dev);
  u64(stamp.ino);
  if (kind === 'identity') return at;
  if (kind !== 'directory') u64(stamp.size);
  u64(stamp.mtime);
  u64(stamp.ctime);
  return at;
}

/** True for the check of a file's stamp. */
export function isFileCheck(check: EncodedCheck): boolean {
  return check.charCodeAt(0) === CHECK_KIND.file;
}
