import type { Digest } from '../base/digest.ts';
import { actionOf, digestFromWire, digestToWire, inputContents } from '../contract/digests.ts';
import type {
  CompileRequest,
  CompileResponse,
  CompileResult,
  CompileSpec,
  Declined,
} from '../contract/generated/hybridgrid/v1/build.ts';
import { type CompileQuestion, readSpec } from '../contract/raw-spec.ts';
import { withContents } from './accept-result.ts';
import type { ActionCache } from './action-cache.ts';
import type { BlobClaim, BlobService } from './blob-service.ts';
import type { Dispatcher, TaskEnd } from './dispatcher.ts';

/** What is counted. */
export interface CompileCounters {
  sharedHit(): void;
  sharedMiss(): void;
  /** `how` is `ok`, `failed`, `cancelled` or a reason of declining; `seconds` from the request to its answer. */
  taskEnded(how: string, seconds: number): void;
}

export interface CompileServices {
  readonly dispatcher: Dispatcher;
  readonly blobs: BlobService;
  readonly actions: ActionCache;
  readonly counters: CompileCounters;
  /** Names tasks; different in every run of the coordinator. */
  readonly newTaskId: () => string;
  readonly now: () => number;
  readonly log: (message: string, details: object) => void;
}

/** Compiles for clients: stored, in flight, or from a worker. */
export interface CompileService {
  /**
   * @param gone aborted when the client does not wait any more
   */
  compile(question: CompileQuestion, client: string, gone: AbortSignal): Promise<CompileResponse>;
}

/** A compile on its way. It belongs to no client: it goes on for as long as one waits for it. */
interface Flight {
  readonly taskId: string;
  readonly waiters: Set<(response: CompileResponse) => void>;
  readonly claim: BlobClaim;
  readonly startedMs: number;
}

const DEFAULT_TIMEOUT_MS = 600_000;
const MAX_TIMEOUT_MS = 3_600_000;

/** Reasons that clients know; what else a worker says is `internal` to them. */
const REASONS: ReadonlySet<string> = new Set([
  'no-worker',
  'no-slot',
  'stored-only',
  'not-acceptable',
  'worker-lost',
  'timeout',
  'limit',
  'internal',
]); // prettier-ignore

export function compileService(services: CompileServices): CompileService {
  const flights = new Map<string, Flight>();
  return {
    compile: (question, client, gone) => compile(question, client, gone, flights, services),
  };
}

async function compile(
  { request, spec }: CompileQuestion,
  client: string,
  gone: AbortSignal,
  flights: Map<string, Flight>,
  services: CompileServices,
): Promise<CompileResponse> {
  const action = digestFromWire(request.action);
  if (action === undefined) return declined('not-acceptable', 'the action is no digest');
  const stored = request.ignoreStored ? undefined : await lookUp(action, services);
  if (stored !== undefined) return stored;
  if (!request.ignoreStored) services.counters.sharedMiss();
  if (request.storedOnly) return declined('stored-only', '');
  const checked = checkSpec(spec, action);
  if (checked.kind === 'refused') return declined('not-acceptable', checked.detail);
  const bad = await takeBlobs(request, services.blobs);
  if (bad !== undefined) return declined('not-acceptable', bad);
  const key = `${action} ${request.worker}`;
  const flying = flights.get(key);
  if (flying !== undefined) return wait(flying, key, request, gone, flights, services);
  // It may have landed since the first look.
  const landed = request.ignoreStored ? undefined : await lookUp(action, services);
  if (landed !== undefined) return landed;
  const flight = flights.get(key) ?? takeOff(key, checked, request, client, action, flights, services);
  return 'waiters' in flight ? wait(flight, key, request, gone, flights, services) : flight;
}

/** A stored result with its small contents. */
async function lookUp(
  action: Digest,
  { actions, blobs, counters }: CompileServices,
): Promise<CompileResponse | undefined> {
  const found = actions.find(action);
  const result = found === undefined ? undefined : await withContents(found, blobs);
  if (result === undefined) return undefined;
  counters.sharedHit();
  return resultOf(result);
}

interface Checked {
  readonly kind: 'checked';
  readonly spec: CompileSpec;
  readonly bytes: Buffer;
  readonly inputs: ReadonlyMap<Digest, number>;
}

/**
 * The action is computed here again: under a false one a result would be kept and given to whoever compiles what it
 * really names.
 */
function checkSpec(
  bytes: Buffer | undefined,
  action: Digest,
): Checked | { readonly kind: 'refused'; readonly detail: string } {
  const spec = bytes === undefined ? undefined : readSpec(bytes);
  if (bytes === undefined || spec === undefined) return { kind: 'refused', detail: 'no spec' };
  if (spec.arch === '' || spec.toolchain === undefined) return { kind: 'refused', detail: 'no toolchain' };
  if (actionOf(spec) !== action) return { kind: 'refused', detail: 'the action is not that of the spec' };
  const inputs = inputContents(spec);
  if (inputs === undefined) return { kind: 'refused', detail: 'an input without a digest' };
  return { kind: 'checked', spec, bytes, inputs };
}

/** Stores what came along; a blob there is no room for will be asked for as missing. */
async function takeBlobs({ blobs: given }: CompileRequest, blobs: BlobService): Promise<string | undefined> {
  for (const { digest: bytes, data } of given) {
    const digest = digestFromWire(bytes);
    if (digest === undefined) return 'a blob without a digest';
    if ((await blobs.putBytes(digest, data)).kind === 'mismatch') return 'a blob is not what its digest says';
  }
  return undefined;
}

/** Sends a compile on its way; or says what it lacks. */
function takeOff(
  key: string,
  { spec, bytes, inputs }: Checked,
  request: CompileRequest,
  client: string,
  action: Digest,
  flights: Map<string, Flight>,
  services: CompileServices,
): Flight | CompileResponse {
  const demand = { arch: spec.arch, toolchain: spec.toolchain?.digest.toString('hex') ?? '', pinnedTo: request.worker };
  // Before anything is asked for: nobody uploads headers to a grid without workers.
  if (!services.dispatcher.couldServe(demand)) return declined('no-worker', '');
  const claim = services.blobs.claim(inputs);
  if (claim.missing.length > 0) {
    claim.release();
    return { answer: { $case: 'missing', value: { digests: claim.missing.map(digestToWire) } } };
  }
  const taskId = services.newTaskId();
  const flight: Flight = { taskId, waiters: new Set(), claim, startedMs: services.now() };
  flights.set(key, flight);
  // Submitted after the first waiter has been seated: the end may come at once.
  queueMicrotask(() => {
    if (flights.get(key) !== flight) return;
    services.dispatcher.submit({
      task: { taskId, spec: bytes, timeoutMs: timeoutOf(request), client },
      ...demand,
      ended: (end) => void land(flight, key, action, end, flights, services),
    });
  });
  return flight;
}

function timeoutOf({ timeoutMs }: CompileRequest): number {
  return Math.min(timeoutMs === 0 ? DEFAULT_TIMEOUT_MS : timeoutMs, MAX_TIMEOUT_MS);
}

/** Waits for a flight, for as long as the client does. With the last waiter the work is cancelled. */
function wait(
  flight: Flight,
  key: string,
  request: CompileRequest,
  gone: AbortSignal,
  flights: Map<string, Flight>,
  services: CompileServices,
): Promise<CompileResponse> {
  return new Promise((resolve) => {
    const leave = (response: CompileResponse): void => {
      clearTimeout(timer);
      gone.removeEventListener('abort', onGone);
      flight.waiters.delete(leave);
      resolve(response);
    };
    const giveUp = (reason: string): void => {
      leave(declined(reason, ''));
      if (flight.waiters.size > 0 || flights.get(key) !== flight) return;
      flights.delete(key);
      flight.claim.release();
      services.counters.taskEnded(reason, (services.now() - flight.startedMs) / 1000);
      services.dispatcher.cancel(flight.taskId);
    };
    const onGone = (): void => giveUp('cancelled');
    const timer = setTimeout(() => giveUp('timeout'), timeoutOf(request));
    flight.waiters.add(leave);
    gone.addEventListener('abort', onGone, { once: true });
    if (gone.aborted) onGone();
  });
}

/** The end of a flight, for all who wait. */
async function land(
  flight: Flight,
  key: string,
  action: Digest,
  end: TaskEnd,
  flights: Map<string, Flight>,
  services: CompileServices,
): Promise<void> {
  let response: CompileResponse;
  let how: string;
  try {
    [response, how] = await answerTo(action, end, services);
  } catch (error) {
    services.log('a result could not be delivered', { task: flight.taskId, error: String(error) });
    [response, how] = [declined('internal', ''), 'internal'];
  }
  // All may have left meanwhile, and another flight may be on its way.
  if (flights.get(key) !== flight) return;
  flights.delete(key);
  flight.claim.release();
  services.counters.taskEnded(how, (services.now() - flight.startedMs) / 1000);
  for (const leave of [...flight.waiters]) leave(response);
}

async function answerTo(action: Digest, end: TaskEnd, services: CompileServices): Promise<[CompileResponse, string]> {
  if (end.kind === 'declined') {
    const { reason, detail } = reasonOf(end);
    return [declined(reason, detail), reason];
  }
  const result: CompileResult = { ...end.result, queueMs: Math.round(end.waitedMs) };
  await services.actions.store(action, result);
  const filled = await withContents(result, services.blobs);
  if (filled === undefined) return [declined('internal', 'an output is gone'), 'internal'];
  return [resultOf(filled), result.exitCode === 0 ? 'ok' : 'failed'];
}

function reasonOf({ reason, detail }: Declined): Declined {
  if (reason === 'no-toolchain') return { reason: 'no-worker', detail: 'no worker has the toolchain' };
  return REASONS.has(reason) ? { reason, detail } : { reason: 'internal', detail: `${reason} ${detail}`.trim() };
}

function resultOf(result: CompileResult): CompileResponse {
  return { answer: { $case: 'result', value: result } };
}

function declined(reason: string, detail: string): CompileResponse {
  return { answer: { $case: 'declined', value: { reason, detail } } };
}
