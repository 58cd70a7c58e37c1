import { fromBytes } from '../base/byte-string.ts';
import { sha256 } from '../base/digest.ts';
import type { Result, StoredText } from '../cache/manifest.ts';
import type { BlobStore } from '../cas/blob-store.ts';
import { stripColour } from '../compiler/colour.ts';
import type { Output } from '../compiler/invocation.ts';
import type { PlainRun } from './verify-run.ts';

/** What of a delivered result is kept to compare it later. */
export type Delivered = Pick<Result, 'outputs' | 'stderr' | 'colour' | 'storedAt'>;

/** One thing that the plain compiler makes otherwise. */
export interface Mismatch {
  readonly output: Output['role'] | 'stderr' | 'exit code';
  /** The first byte that differs. */
  readonly offset: number;
  /** Digests of what was delivered and of what the compiler made; empty where there was none. */
  readonly delivered: string;
  readonly plain: string;
}

/**
 * What differs between a delivered result and a run of the compiler. Undefined where it cannot be said: what was
 * delivered is not there any more, or the run failed for reasons of this machine.
 */
export async function compareWithPlain(
  delivered: Delivered,
  roles: readonly Output['role'][],
  run: PlainRun,
  blobs: BlobStore,
): Promise<readonly Mismatch[] | undefined> {
  if (run.status !== 0) {
    if (TROUBLE_HERE.test(run.stderr)) return undefined;
    return [{ output: 'exit code', offset: 0, delivered: '0', plain: String(run.status) }];
  }
  const found: Mismatch[] = [];
  for (const role of roles) {
    const ref = delivered.outputs.find((output) => output.role === role)?.ref;
    const plain = run.outputs.get(role);
    const plainDigest = plain === undefined ? '' : sha256(plain);
    if ((ref?.digest ?? '') === plainDigest) continue;
    const bytes = ref === undefined ? Buffer.alloc(0) : await blobs.read(ref);
    if (bytes === undefined) return undefined;
    const offset = firstDifference(bytes, plain ?? Buffer.alloc(0));
    found.push({ output: role, offset, delivered: ref?.digest ?? '', plain: plainDigest });
  }
  const said = await textOf(delivered.stderr, blobs);
  if (said === undefined) return undefined;
  const then = withoutRandomNames(delivered.colour === 'coloured' ? stripColour(said) : said);
  const now = withoutRandomNames(run.stderr);
  if (then !== now) {
    const offset = firstDifference(Buffer.from(then, 'latin1'), Buffer.from(now, 'latin1'));
    found.push({ output: 'stderr', offset, delivered: sha256(then), plain: sha256(now) });
  }
  return found;
}

/** A full disk, too little memory, a compiler that was killed: no word on the source. */
const TROUBLE_HERE =
  /No space left|Disk quota|Cannot allocate|out of memory|virtual memory exhausted|Killed|internal compiler error|Permission denied|Too many open files/;

/** Whether two runs of the compiler agree: where they do not, nothing can be said of a third. */
export function sameRuns(one: PlainRun, other: PlainRun): boolean {
  const roles = [...one.outputs.keys()];
  return (
    one.status === other.status &&
    withoutRandomNames(one.stderr) === withoutRandomNames(other.stderr) &&
    one.outputs.size === other.outputs.size &&
    roles.every((role) => other.outputs.get(role)?.equals(one.outputs.get(role) as Buffer) === true)
  );
}

/** Names that compilers draw at random for temporary files, and print when the assembler complains. */
function withoutRandomNames(text: string): string {
  return text
    .replaceAll(/[^\s'"`:]*\/cc[A-Za-z0-9]{6}(?=\.\w+)/g, '/RANDOM')
    .replaceAll(/[^\s'"`:]*\/[\w.+-]+-[0-9a-f]{6}(?=\.s\b)/g, '/RANDOM');
}

function firstDifference(one: Buffer, other: Buffer): number {
  const shorter = Math.min(one.length, other.length);
  for (let at = 0; at < shorter; at += 1) if (one[at] !== other[at]) return at;
  return shorter;
}

async function textOf(text: StoredText, blobs: BlobStore): Promise<string | undefined> {
  if (text.kind === 'inline') return text.text;
  const bytes = await blobs.read(text.ref);
  return bytes === undefined ? undefined : fromBytes(bytes);
}
