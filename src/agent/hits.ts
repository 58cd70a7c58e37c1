import { forDisplay, fromBytes } from '../base/byte-string.ts';
import { fingerprint } from '../cache/fingerprint.ts';
import type { Manifest, NewEntry, Result } from '../cache/manifest.ts';
import { stripColour } from '../compiler/colour.ts';
import type { Output } from '../compiler/invocation.ts';
import { type Delivery, encodeHit, type Opening } from './answers.ts';
import type { OpenCache } from './caches.ts';
import type { Description } from './describe.ts';
import { type Sight, takeSight } from './file-snapshot.ts';
import { findProof, type LookupServices, type Proof, proveNew } from './lookup.ts';
import type { MadeHeaders } from './made-headers.ts';
import { wantsColour } from './plan.ts';
import type { PreparedAnswer, PreparedAnswers } from './prepared-answers.ts';
import { manifestAt, relocate } from './relocation.ts';

/** What finding a hit needs of the agent. */
export interface HitServices extends Omit<LookupServices, 'ways'> {
  readonly prepared: PreparedAnswers;
  readonly madeHeaders: MadeHeaders;
}

/** A result that came from the grid a moment ago: what is said of it, once. */
export interface MadeElsewhere {
  readonly note: string;
  readonly from: Exclude<PreparedAnswer['from'], 'local'>;
  /** What was seen when its files were sent. The launcher compares with what it sees. */
  readonly sight: Sight;
  /** The result as it was stored. */
  readonly entry: NewEntry;
}

/** Finds a stored result that can be proved to hold, as the frame that delivers it. */
export async function findHit(
  description: Description,
  cache: OpenCache,
  services: HitServices,
  made?: MadeElsewhere,
): Promise<PreparedAnswer | undefined> {
  const { churning } = services;
  if (made !== undefined) {
    // The stamp of a file that is too young proves nothing: it is read again, below.
    const proof = proveNew(made.entry, description, { ...made.sight, churning });
    if (proof?.lasting === true) return prepare(description, proof, cache, made);
  }
  const now = { ...takeSight(services.files), churning };
  for (const manifest of manifestsFor(description, cache)) {
    const proof = findProof(manifest, description, now);
    const answer = proof === undefined ? undefined : await prepare(description, proof, cache, made);
    if (proof === undefined || answer === undefined) continue;
    services.madeHeaders.note(proof.entry);
    if (proof.lasting && made === undefined) services.prepared.set(description.request.memoKey, answer);
    return answer;
  }
  return undefined;
}

/** The manifest of exactly this compile, then one shared between base directories. */
export function* manifestsFor(description: Description, cache: OpenCache): Generator<Manifest> {
  const own = cache.manifests.read(description.key);
  if (own !== undefined) yield own;
  const relocation = relocate(description);
  if (relocation === undefined) return;
  const shared = cache.manifests.read(fingerprint(relocation.key));
  if (shared !== undefined) yield manifestAt(shared, relocation.base);
}

/** Builds the frame of a hit. Undefined if a blob is gone. */
async function prepare(
  description: Description,
  { entry, checks, directoryChecks }: Proof,
  cache: OpenCache,
  made: MadeElsewhere | undefined,
): Promise<PreparedAnswer | undefined> {
  const outputs: Delivery[] = [];
  for (const wanted of description.invocation.outputs) {
    const stored = entry.outputs.find((output) => output.role === wanted.role);
    if (stored === undefined && wanted.required) return undefined;
    if (stored === undefined) continue;
    const blob = await cache.blobs.locate(stored.ref);
    if (blob === undefined) return undefined;
    const { size, checksum } = stored.ref;
    outputs.push({ blob, size, checksum, dest: wanted.path, opening: openingOf(wanted, description) });
  }
  const stderr = await diagnostics(entry, description, cache);
  if (stderr === undefined) return undefined;
  // The main output last: make must not see the object before its depfile is there.
  const ordered = outputs.toReversed();
  const digests = entry.outputs.map((output) => output.ref.digest);
  return {
    frame: encodeHit({ note: verboseNote(description, made?.note ?? '[hit]'), checks, outputs: ordered, stderr }),
    directoryChecks,
    cache,
    key: description.key,
    blobs: digests,
    outputs: ordered.map((output) => digestOfBlob(output, entry)),
    compileMs: entry.compileMs,
    from: made?.from ?? 'local',
    // No two runs of gcc write the same precompiled header: there are addresses in it.
    verify: description.invocation.stage === 'precompiled' ? 0 : description.settings['compile.verify'],
    delivered: { outputs: entry.outputs, stderr: entry.stderr, colour: entry.colour, storedAt: entry.storedAt },
    madeBy: entry.madeBy,
  };
}

/** Seen by strace: gcc 12 with binutils 2.40, clang 14. */
function openingOf({ role }: Output, { invocation }: Description): Opening {
  if (role === 'object') return invocation.externalAssembler ? 'like-bfd' : 'like-rename';
  if (role === 'assembly') return invocation.family === 'clang' ? 'like-rename' : 'in-place';
  if (role === 'dwo') return invocation.family === 'clang' ? 'like-rename' : 'like-bfd';
  return 'in-place';
}

function digestOfBlob(delivery: Delivery, entry: Result): PreparedAnswer['key'] {
  const found = entry.outputs.find(({ ref }) => delivery.checksum === ref.checksum && delivery.size === ref.size);
  if (found === undefined) throw new Error(`no stored output for ${forDisplay(delivery.dest)}`);
  return found.ref.digest;
}

/** The stored diagnostics as this terminal should see them. */
async function diagnostics(entry: Result, description: Description, cache: OpenCache): Promise<string | undefined> {
  let text = entry.stderr.kind === 'inline' ? entry.stderr.text : undefined;
  if (entry.stderr.kind === 'blob') {
    const bytes = await cache.blobs.read(entry.stderr.ref);
    text = bytes === undefined ? undefined : fromBytes(bytes);
  }
  if (text === undefined) return undefined;
  return entry.colour === 'coloured' && !wantsColour(description) ? stripColour(text) : text;
}

/** The line that `-v` prints for a compile. */
export function verboseNote({ settings, invocation }: Description, what: string): string {
  return settings['compile.verbose'] ? `${what} ${invocation.source}\n` : '';
}
