import { fromBytes } from '../../base/byte-string.ts';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { LocalBlobStore } from '../../cas/blob-store.ts';
import type { CompileResult, OutputFile } from '../../contract/generated/hybridgrid/v1/build.ts';
import { listsOf, outputContent } from '../../contract/packed.ts';
import type { OpenCache } from '../caches.ts';
import type { Description } from '../describe.ts';
import { findHit, type HitServices, type MadeElsewhere } from '../hits.ts';
import type { CompilePlan } from '../plan.ts';
import type { PreparedAnswer } from '../prepared-answers.ts';
import { type StoreServices, storeResult } from '../store-result.ts';
import type { WrongResults } from '../verify.ts';
import type { Captured, CompileEnded } from '../wire.ts';
import type { Grid, GridAnswer, GridAsked, Shipment } from './grid.ts';

export interface RemoteServices extends StoreServices, HitServices {
  /** Results of the grid that proved wrong here. */
  readonly wrongResults: WrongResults;
}

/** A result from the grid, filed in the local cache and proved there; or why it is none. */
export type RemoteOutcome =
  | {
      readonly kind: 'hit';
      readonly answer: PreparedAnswer;
      readonly from: MadeElsewhere['from'];
      readonly isDirect: boolean;
    }
  | { readonly kind: 'none'; readonly why: string };

const none = (why: string): RemoteOutcome => ({ kind: 'none', why });

/**
 * Asks the grid and treats what comes back like a compile made here: it is stored only if what the compiler says it read
 * lies inside what was shipped and nothing of it has changed since, and then delivered as any hit is, with all the
 * proofs. A failure elsewhere says nothing: the user sees only what the compiler here says.
 */
export async function remoteCompile(
  description: Description,
  plan: CompilePlan,
  shipment: Shipment,
  grid: Grid,
  asked: GridAsked,
  cache: OpenCache,
  services: RemoteServices,
): Promise<RemoteOutcome> {
  const answer: GridAnswer = await grid.compile(shipment, asked);
  if (answer.kind === 'declined') return none(answer.reason);
  const { result } = answer;
  if (result.exitCode !== 0) return none('failed-remotely');
  if (result.stdout.length > 0) return none('stdout');
  if (services.wrongResults.has(shipment.action, result.outputs)) return none('wrong-before');
  const lists = listsOf(result);
  if (lists === undefined) return none('lists-damaged');
  const captures = await takeOutputs(plan, result, grid, cache.blobs);
  if (captures === undefined) return none('output-lost');
  const stored = await storeResult(description, plan, endedOf(result, lists, captures), cache, services, {
    ...shipment.elsewhere,
    madeBy: { action: shipment.action, worker: workerName(result) },
  });
  if (stored.kind !== 'stored') return none(`${stored.reason} ${stored.detail ?? ''}`.trim());
  const from = answer.from ?? (result.fromCache ? 'shared' : 'remote');
  const notes = { shared: '[shared]', storage: '[remote storage]', remote: `[remote ${result.workerId}]` };
  const hit = await findHit(description, cache, services, {
    note: notes[from],
    from,
    sight: shipment.elsewhere.sight,
    entry: stored.entry,
  });
  return hit === undefined ? none('unproved') : { kind: 'hit', answer: hit, from, isDirect: answer.isDirect === true };
}

/** As a coordinator lets workers call themselves. */
function workerName({ workerId }: CompileResult): string {
  return /^[\x21-\x7e]{1,128}$/.test(workerId) ? workerId : '';
}

/** Puts the outputs where a compile of our own would have left copies of its own. */
async function takeOutputs(
  plan: CompilePlan,
  { outputs }: CompileResult,
  grid: Grid,
  blobs: LocalBlobStore,
): Promise<Captured[] | undefined> {
  const captures: Captured[] = [];
  for (const { output, to } of plan.captures) {
    const found = outputs.find((other) => other.role === output.role);
    if (found?.present !== true) {
      captures.push('absent');
      continue;
    }
    const digest = found.digest.toString('hex') as Digest;
    const bytes = await contentOf(found, digest, grid);
    if (bytes === undefined || blobs.fill(to, bytes, digest) !== undefined) return undefined;
    captures.push('ok');
  }
  return captures;
}

/** The bytes of an output, proved by its digest. */
async function contentOf(output: OutputFile, digest: Digest, grid: Grid): Promise<Buffer | undefined> {
  if (output.data.length === 0 && output.size > 0n) return grid.fetch(digest, Number(output.size));
  const content = outputContent(output);
  return content !== undefined && sha256(content) === digest ? content : undefined;
}

function endedOf(result: CompileResult, lists: readonly Buffer[], captures: readonly Captured[]): CompileEnded {
  return {
    status: 0,
    startedNs: 0n,
    stampsFromNs: 0n,
    endedNs: BigInt(result.compileMs) * 1_000_000n,
    cpuUs: result.cpuMs * 1000,
    captures,
    stderrTooLong: false,
    stderr: fromBytes(result.stderr),
    lists: lists.map((bytes) => fromBytes(bytes)),
  };
}
