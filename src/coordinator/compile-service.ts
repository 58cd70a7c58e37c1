import type { Digest } from '../base/digest.ts';
import { nameOf } from '../contract/compile-name.ts';
import { digestFromWire } from '../contract/digests.ts';
import type { CompileRequest, CompileResponse, CompileSpec } from '../contract/generated/hybridgrid/v1/build.ts';
import type { CompileQuestion } from '../contract/raw-spec.ts';
import type { Demand } from '../scheduler/choice.ts';
import { withContents } from './accept-result.ts';
import type { ActionCache } from './action-cache.ts';
import type { BlobService } from './blob-service.ts';
import { type CheckedSpec, type CheckedSpecs, checkedSpecs } from './checked-specs.ts';
import type { Dispatcher } from './dispatcher.ts';
import { declined, type FlightServices, type Flights, missing, resultOf } from './flights.ts';
import { toolchainOf } from './lacking-parts.ts';

/** What is counted of requests. */
export interface RequestCounters {
  sharedHit(): void;
  sharedMiss(): void;
}

export interface CompileServices extends FlightServices {
  readonly dispatcher: Dispatcher;
  readonly blobs: BlobService;
  readonly actions: ActionCache;
  /** Blobs came that are to be written in a quiet moment. */
  readonly wake: () => void;
  readonly counters: RequestCounters & FlightServices['counters'];
}

/** What a stored result is found by. */
export type LookUpServices = Pick<CompileServices, 'actions' | 'late' | 'blobs' | 'counters'>;

/** Compiles for clients: stored, in flight, or from a worker. */
export interface CompileService {
  /**
   * @param gone aborted when the client does not wait any more
   */
  compile(question: CompileQuestion, client: string, gone: AbortSignal): Promise<CompileResponse>;
}

export function compileService(services: CompileServices, flights: Flights): CompileService {
  const specs = checkedSpecs();
  return {
    compile: (question, client, gone) => compile(question, client, gone, flights, specs, services),
  };
}

async function compile(
  { request, spec }: CompileQuestion,
  client: string,
  gone: AbortSignal,
  flights: Flights,
  specs: CheckedSpecs,
  services: CompileServices,
): Promise<CompileResponse> {
  const action = digestFromWire(request.action);
  if (action === undefined) return declined('not-acceptable', 'the action is no digest');
  const stored = request.ignoreStored ? undefined : await lookUp(action, services);
  if (stored !== undefined) return stored;
  if (!request.ignoreStored) services.counters.sharedMiss();
  if (request.storedOnly) return declined('stored-only', '');
  const checked = specs.check(spec, action);
  if (checked.kind === 'refused') return declined('not-acceptable', checked.detail);
  const bad = await takeBlobs(request, services);
  if (bad !== undefined) return declined('not-acceptable', bad);
  const key = flightKey(action, request.worker);
  for (;;) {
    const before = await withOthers(key, request, gone, flights);
    if (before !== undefined) return before;
    // It may have landed since the first look, and another may have begun since this one.
    const landed = request.ignoreStored ? undefined : await lookUp(action, services);
    if (landed !== undefined) return landed;
    const during = await withOthers(key, request, gone, flights);
    if (during !== undefined) return during;
    const sent = send(checked, request, client, gone, key, flights, services);
    if ('answer' in sent && sent.answer?.$case === 'missing') specs.expect(checked);
    const answer = await sent;
    if (answer !== undefined) return answer;
  }
}

/** Compiles with the same key are one. `worker`: the only one that may do it; empty: any. */
export function flightKey(action: Digest, worker: string): string {
  return `${action} ${worker}`;
}

/** The answer of those who compile the same already; undefined where there are none. */
async function withOthers(
  key: string,
  { timeoutMs }: CompileRequest,
  gone: AbortSignal,
  flights: Flights,
): Promise<CompileResponse | undefined> {
  for (let flying = flights.join(key, timeoutMs, gone); flying !== undefined; ) {
    const answer = await flying;
    if (answer !== undefined) return answer;
    flying = flights.join(key, timeoutMs, gone);
  }
  return undefined;
}

/** A stored result with its small contents. */
export async function lookUp(
  action: Digest,
  { actions, late, blobs, counters }: LookUpServices,
): Promise<CompileResponse | undefined> {
  await late.settle(action);
  const found = actions.find(action);
  const result = found === undefined ? undefined : await withContents(found, blobs);
  if (result === undefined) return undefined;
  counters.sharedHit();
  return resultOf(result);
}

/** Stores what came along; a blob there is no room for will be asked for as missing. */
async function takeBlobs(
  { blobs: given }: CompileRequest,
  { blobs, wake }: CompileServices,
): Promise<string | undefined> {
  for (const { digest: bytes, data } of given) {
    const digest = digestFromWire(bytes);
    if (digest === undefined) return 'a blob without a digest';
    if ((await blobs.putLate(digest, data)).kind === 'mismatch') return 'a blob is not what its digest says';
    wake();
  }
  return undefined;
}

/** Sends a compile on its way; or says what it lacks. */
function send(
  { action, spec, bytes, inputs }: CheckedSpec,
  { worker, timeoutMs }: CompileRequest,
  client: string,
  gone: AbortSignal,
  key: string,
  flights: Flights,
  services: CompileServices,
): CompileResponse | Promise<CompileResponse | undefined> {
  const { dispatcher, blobs } = services;
  const demand = { arch: spec.arch, toolchain: toolchainOf(spec), pinnedTo: worker };
  const parts = partsToBring(spec, demand, services);
  if (parts.length > 0) return missing(parts);
  // Before anything is asked for: nobody uploads headers to a grid without workers.
  if (!dispatcher.couldServe(demand)) return declined('no-worker', '');
  const claim = blobs.claim(inputs);
  if (claim.missing.length === 0) {
    const name = nameOf(spec);
    return flights.takeOff({ key, action, spec: bytes, demand, name, client, timeoutMs, claim }, gone);
  }
  claim.release();
  return missing(claim.missing);
}

/** Parts of the compiler that a worker waits for; once they are here, workers are told so. */
function partsToBring(spec: CompileSpec, demand: Demand, { dispatcher, blobs, lacking }: CompileServices): Digest[] {
  const absent = lacking.wantedOf(spec)?.filter((digest) => !blobs.has(digest));
  if (absent === undefined) return [];
  if (absent.length > 0) return dispatcher.couldServe({ ...demand, toolchain: '' }) ? absent : [];
  lacking.brought(demand.toolchain);
  dispatcher.toolchainBrought(demand.toolchain);
  return [];
}
