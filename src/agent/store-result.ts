import { toBytes } from '../base/byte-string.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { fingerprint } from '../cache/fingerprint.ts';
import {
  fitsManifest,
  type GridMaker,
  INLINE_LIMIT,
  type NewEntry,
  type StoredOutput,
  type StoredText,
} from '../cache/manifest.ts';
import type { BlobRef } from '../cas/blob-store.ts';
import type { SearchList } from '../includes/port.ts';
import type { Walk } from '../includes/walk.ts';
import type { OpenCache } from './caches.ts';
import { type Description, inDirectory } from './describe.ts';
import type { Sight } from './file-snapshot.ts';
import type { FileStates } from './file-state.ts';
import { type Conditions, learnConditions } from './inputs.ts';
import type { MadeHeaders } from './made-headers.ts';
import type { PathHistory } from './path-history.ts';
import type { CompilePlan } from './plan.ts';
import { discard, readLists } from './read-files.ts';
import { entryWithoutBase, relocate } from './relocation.ts';
import type { SearchLists } from './search-lists.ts';
import { asShipped, sinceStart } from './unchanged.ts';
import type { CompileEnded } from './wire.ts';

export interface StoreServices {
  readonly files: FileStates;
  readonly searchLists: SearchLists;
  readonly history: PathHistory;
  readonly madeHeaders: MadeHeaders;
  readonly now: () => number;
}

/** How a compile on another machine saw this one. One made here is told by a sight alone, which began after its end. */
export interface Elsewhere {
  readonly sight: Sight;
  /** Real paths of all files that were there. */
  readonly shipped: ReadonlySet<string>;
  /** Where headers were looked for, and what that led to: more than the compile read. */
  readonly search: SearchList;
  readonly walked: Walk;
  /** Who made it there. */
  readonly madeBy?: GridMaker;
}

export type StoreOutcome = { readonly kind: 'stored'; readonly bytes: number; readonly entry: NewEntry } | Refusal;

/** Everything a finished compile left in the tmp directory. */
export function leftovers(plan: CompilePlan): readonly string[] {
  return plan.captures.map((capture) => capture.to);
}

/**
 * Turns a finished compile into a manifest entry, if it can be proved what the result depends on. Runs after the
 * launcher has gone: nobody waits for it.
 */
export async function storeResult(
  description: Description,
  plan: CompilePlan,
  ended: CompileEnded,
  cache: OpenCache,
  services: StoreServices,
  seen: Elsewhere | Sight,
): Promise<StoreOutcome> {
  try {
    const refused = checkCaptures(description, plan, ended, services.files, 'shipped' in seen);
    if (refused !== undefined) return refused;
    const conditions = await conditionsOf(description, plan, ended, services, seen);
    if (conditions.kind === 'refused') return conditions;
    const outputs = await adoptOutputs(plan, ended, cache);
    if ('kind' in outputs) return outputs;
    const stderr = await keepText(ended.stderr, cache);
    if ('reason' in stderr) return stderr;
    const entry: NewEntry = {
      inputs: conditions.inputs,
      present: conditions.present,
      absent: conditions.absent,
      outputs,
      stderr,
      colour: plan.coloured ? 'coloured' : 'plain',
      compileMs: Number(ended.endedNs - ended.startedNs) / 1e6,
      cpuMs: ended.cpuUs / 1e3,
      storedAt: services.now(),
      ...(plan.pp === undefined ? {} : { pp: plan.pp }),
      ...('madeBy' in seen && seen.madeBy !== undefined ? { madeBy: seen.madeBy } : {}),
    };
    if (!fitsManifest(entry)) return refuse('input-too-large');
    const written = cache.manifests.add(description.key, description.fields, entry);
    if (written.kind !== 'stored') return refuse('cache-unwritable', written.code);
    services.madeHeaders.note(entry);
    await shareEntry(description, entry, ended.stderr, cache);
    const bytes = outputs.reduce((sum, output) => sum + output.ref.size, written.bytes);
    return { kind: 'stored', bytes, entry };
  } finally {
    discard(leftovers(plan));
  }
}

/** What a run of the compiler (or of the preprocessor alone) depended on. */
export async function conditionsOf(
  description: Description,
  plan: CompilePlan,
  ended: CompileEnded,
  services: StoreServices,
  seen: Elsewhere | Sight,
): Promise<Conditions | Refusal> {
  const lists = readLists(description, plan, ended, services.files);
  if (lists.kind === 'refused') return lists;
  if ('shipped' in seen) {
    const since = asShipped(seen.sight);
    // Where the compiler's list is not whole, what holds is all that it could have read: what was shipped.
    const walked = lists.truth === undefined ? seen.walked : undefined;
    const strange = lists.truth?.find((path) => !seen.shipped.has(since.ways.find(path)?.real ?? ''));
    return strange === undefined
      ? learnConditions(description, lists, seen.search, since, services.madeHeaders, walked)
      : refuse('scan-incomplete', strange);
  }
  const search = await services.searchLists.of(description);
  if (search === undefined) return refuse('compiler-unknown', description.request.compiler);
  const since = sinceStart(ended, seen, services.history, description.namesBefore);
  return learnConditions(description, lists, search, since, services.madeHeaders);
}

/** Files the result a second time without its base directory, where nothing of the directory is in it. */
async function shareEntry(description: Description, entry: NewEntry, stderr: string, cache: OpenCache): Promise<void> {
  const relocation = relocate(description);
  if (relocation === undefined || stderr.includes(relocation.base)) return;
  for (const output of entry.outputs) {
    const bytes = await cache.blobs.read(output.ref);
    if (bytes === undefined || bytes.includes(toBytes(relocation.base))) return;
  }
  // Best effort: the result is stored under its own key already.
  cache.manifests.add(fingerprint(relocation.key), relocation.key, entryWithoutBase(entry, relocation.base));
}

function checkCaptures(
  { request }: Description,
  plan: CompilePlan,
  ended: CompileEnded,
  files: FileStates,
  elsewhere: boolean,
): Refusal | undefined {
  if (ended.stderrTooLong) return refuse('output-too-large', 'diagnostics');
  for (const [i, capture] of plan.captures.entries()) {
    const how = ended.captures[i] ?? 'failed';
    if (how === 'special') return refuse('special-output', capture.from);
    if (how === 'failed') return refuse('cache-unwritable', capture.from);
    if (how === 'absent' && capture.output.required) return refuse('output-missing', capture.from);
    // The tmp file must be the file make is left with: the same size, unless somebody is already changing it.
    if (how === 'ok' && files.stampOf(capture.to) === undefined) return refuse('cache-unwritable', capture.to);
    if (
      how === 'ok' &&
      // What lies at the outputs' places here is older and says nothing of a compile elsewhere.
      !elsewhere &&
      isStale(inDirectory(request.cwd, capture.from), capture.output.required, ended, files)
    ) {
      return refuse('output-missing', capture.from);
    }
  }
  return undefined;
}

/** An optional output that was there before and was not written by this run must not be taken for its result. */
function isStale(path: string, required: boolean, ended: CompileEnded, files: FileStates): boolean {
  if (required) return false;
  const at = files.stampOf(path);
  return at !== undefined && at.stamp.mtime < ended.startedNs - 2_000_000_000n;
}

async function adoptOutputs(
  plan: CompilePlan,
  ended: CompileEnded,
  cache: OpenCache,
): Promise<readonly StoredOutput[] | Refusal> {
  const outputs: StoredOutput[] = [];
  for (const [i, capture] of plan.captures.entries()) {
    if (ended.captures[i] !== 'ok') continue;
    const stored = await cache.blobs.adopt(capture.to);
    if (stored.kind !== 'stored') return refuse('cache-unwritable', stored.code);
    outputs.push({ role: capture.output.role, ref: stored.ref });
  }
  return outputs;
}

async function keepText(text: string, cache: OpenCache): Promise<StoredText | Refusal> {
  if (text.length <= INLINE_LIMIT) return { kind: 'inline', text };
  const stored = await cache.blobs.put(toBytes(text));
  const ref: BlobRef | undefined = stored.kind === 'stored' ? stored.ref : undefined;
  return ref === undefined ? refuse('cache-unwritable') : { kind: 'blob', ref };
}
