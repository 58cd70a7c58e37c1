import type { Digest } from '../base/digest.ts';
import { digestToWire } from '../contract/digests.ts';
import type { CompileResponse, CompileResult, Declined } from '../contract/generated/hybridgrid/v1/build.ts';
import type { Demand } from '../scheduler/choice.ts';
import { withContents } from './accept-result.ts';
import type { BlobClaim, BlobService } from './blob-service.ts';
import type { Dispatcher, TaskEnd } from './dispatcher.ts';
import type { LackingParts } from './lacking-parts.ts';
import type { LateResults } from './late-results.ts';

/** A compile that is to be done. */
interface Plan {
  /** Equal for compiles that are one. */
  readonly key: string;
  readonly action: Digest;
  readonly demand: Demand;
  /** The same for the same file before and after an edit. */
  readonly name: string;
  readonly client: string;
  /** 0: the usual. */
  readonly timeoutMs: number;
}

/** One that this coordinator sends to a worker. */
export interface FlightPlan extends Plan {
  /** The spec in its bytes. */
  readonly spec: Buffer;
  /** On its inputs; released when it has landed. */
  readonly claim: BlobClaim;
}

/** One that its client brings to a worker itself. */
export interface DirectPlan extends Plan {
  /**
   * A worker keeps a slot for it; where it is late, another one as well. False: the client cannot go there. If that was the
   * first, the flight is over.
   */
  granted(taskId: string, workerId: string): boolean;
  /** The client has come to the worker. */
  started(workerId: string): void;
  /**
   * Called once, unless it was withdrawn: there is a result, or there will be none, for this reason. What the worker
   * answered the client has from itself.
   */
  ended(declined: CompileResponse | undefined): void;
}

/**
 * Compiles on their way to workers and back. A flight belongs to no client: it goes on for as long as one waits for it,
 * and all who ask for the same meanwhile get its result.
 */
export interface Flights {
  /**
   * Waits with the others where the compile is on its way already; the answer to one who gave up is `cancelled`. Undefined
   * in the end: whoever was to bring it to a worker did not, or got no result there, and it is up to the others.
   */
  join(key: string, timeoutMs: number, gone: AbortSignal): Promise<CompileResponse | undefined> | undefined;
  /** Starts a flight and waits for it. */
  takeOff(plan: FlightPlan, gone: AbortSignal): Promise<CompileResponse | undefined>;
  /** Finds a worker for a client that goes there itself; what comes back ends it, whoever waits for it. */
  direct(plan: DirectPlan): () => void;
}

export interface FlightServices {
  readonly dispatcher: Dispatcher;
  readonly blobs: BlobService;
  readonly late: LateResults;
  readonly lacking: LackingParts;
  readonly counters: {
    /** `how` is `ok`, `failed`, `cancelled` or a reason of declining; `seconds` from the request to its answer. */
    taskEnded(how: string, seconds: number): void;
  };
  /** Names tasks; different in every run of the coordinator. */
  readonly newTaskId: () => string;
  /** Milliseconds. */
  readonly now: () => number;
  readonly log: (message: string, details: object) => void;
}

interface Flight {
  readonly plan: FlightPlan | DirectPlan;
  readonly taskId: string;
  readonly waiters: Set<(response: CompileResponse | undefined) => void>;
  readonly startedMs: number;
}

const DEFAULT_TIMEOUT_MS = 600_000;
const MAX_TIMEOUT_MS = 3_600_000;

/** Reasons that clients know; what else a worker says is `internal` to them. */
const REASONS: ReadonlySet<string> = new Set([
  'no-worker',
  'no-slot',
  'not-acceptable',
  'worker-lost',
  'timeout',
  'limit',
  'internal',
]); // prettier-ignore

export function startFlights(services: FlightServices): Flights {
  const flights = new Map<string, Flight>();

  /** Takes a flight off the list; false where it is not on it any more. */
  function close(flight: Flight, how: string): boolean {
    if (flights.get(flight.plan.key) !== flight) return false;
    flights.delete(flight.plan.key);
    if ('claim' in flight.plan) flight.plan.claim.release();
    services.counters.taskEnded(how, (services.now() - flight.startedMs) / 1000);
    return true;
  }

  /** Waits for a flight as long as the client does. With the last waiter the work is cancelled. */
  function wait(flight: Flight, timeoutMs: number, gone: AbortSignal): Promise<CompileResponse | undefined> {
    return new Promise((resolve) => {
      const leave = (response: CompileResponse | undefined): void => {
        clearTimeout(timer);
        gone.removeEventListener('abort', onGone);
        flight.waiters.delete(leave);
        resolve(response);
      };
      const giveUp = (reason: string): void => {
        leave(declined(reason, ''));
        // Who brought it to a worker still waits there.
        const isWanted = flight.waiters.size > 0 || !('claim' in flight.plan);
        if (!isWanted && close(flight, reason)) services.dispatcher.cancel(flight.taskId);
      };
      const onGone = (): void => giveUp('cancelled');
      const timer = setTimeout(() => giveUp('timeout'), timeoutOf(timeoutMs));
      flight.waiters.add(leave);
      gone.addEventListener('abort', onGone, { once: true });
      if (gone.aborted) onGone();
    });
  }

  async function land(flight: Flight, end: TaskEnd): Promise<void> {
    const [response, how] = await answerTo(flight.plan, end, services).catch((error: unknown) => {
      services.log('a result could not be delivered', { task: flight.taskId, error: String(error) });
      return [declined('internal', ''), 'internal'] as const;
    });
    // All may have left meanwhile, and another flight may be on its way.
    if (close(flight, how)) for (const leave of [...flight.waiters]) leave(response);
  }

  /** The end of a flight that its client brought to a worker. */
  async function landDirect(flight: Flight, plan: DirectPlan, end: TaskEnd): Promise<void> {
    const { waiters } = flight;
    let [response, how] = [undefined as CompileResponse | undefined, 'internal'];
    if (end.kind === 'declined') how = reasonOf(end).reason;
    else if (waiters.size > 0) [response, how] = await answerTo(plan, end, services);
    else {
      how = end.result.exitCode === 0 ? 'ok' : 'failed';
      await services.late.keep(plan.action, { ...end.result, queueMs: Math.round(end.waitedMs) });
    }
    if (!close(flight, how)) return;
    plan.ended(end.kind === 'declined' ? declined(how, '') : undefined);
    // Some may have come while the result was filled in: they ask again, and find it stored.
    for (const leave of [...waiters]) leave(response);
  }

  return {
    direct(plan) {
      const { client, demand, name } = plan;
      const taskId = services.newTaskId();
      const flight: Flight = { plan, taskId, waiters: new Set(), startedMs: services.now() };
      let isGranted = false;
      const giveUp = (how: string): void => {
        if (!close(flight, how)) return;
        for (const leave of [...flight.waiters]) leave(undefined);
      };
      flights.set(plan.key, flight);
      services.dispatcher.submit({
        task: { taskId, spec: Buffer.alloc(0), timeoutMs: timeoutOf(plan.timeoutMs), client },
        ...demand,
        name,
        direct: {
          granted(workerId) {
            const isUsed = plan.granted(taskId, workerId);
            if (!isUsed && !isGranted) giveUp('cancelled');
            isGranted ||= isUsed;
            return isUsed;
          },
          started: plan.started,
        },
        ended: (end) =>
          void landDirect(flight, plan, end).catch((error: unknown) => {
            services.log('a result could not be kept', { task: taskId, error: String(error) });
            giveUp('internal');
            plan.ended(declined('internal', ''));
          }),
      });
      return () => {
        giveUp('cancelled');
        services.dispatcher.cancel(taskId);
      };
    },
    join(key, timeoutMs, gone) {
      const flight = flights.get(key);
      return flight === undefined ? undefined : wait(flight, timeoutMs, gone);
    },
    takeOff(plan, gone) {
      const { spec, client, demand, name } = plan;
      const taskId = services.newTaskId();
      const flight: Flight = { plan, taskId, waiters: new Set(), startedMs: services.now() };
      flights.set(plan.key, flight);
      const response = wait(flight, plan.timeoutMs, gone);
      // Whoever was gone before it began has ended it already.
      if (flights.get(plan.key) === flight) {
        services.dispatcher.submit({
          task: { taskId, spec, timeoutMs: timeoutOf(plan.timeoutMs), client },
          ...demand,
          name,
          ended: (end) => void land(flight, end),
        });
      }
      return response;
    },
  };
}

/** How long a compile may take, in milliseconds: what was asked for, within limits. */
export function timeoutOf(timeoutMs: number): number {
  return Math.min(timeoutMs === 0 ? DEFAULT_TIMEOUT_MS : timeoutMs, MAX_TIMEOUT_MS);
}

async function answerTo(
  { action, demand }: Plan,
  end: TaskEnd,
  { late, blobs, lacking }: FlightServices,
): Promise<readonly [CompileResponse, string]> {
  if (end.kind === 'declined') {
    // Whoever asks again is told what to bring.
    if (end.reason === 'no-toolchain' && lacking.isLacking(demand.toolchain)) return [missing([]), end.reason];
    const { reason, detail } = reasonOf(end);
    return [declined(reason, detail), reason];
  }
  const result: CompileResult = { ...end.result, queueMs: Math.round(end.waitedMs) };
  await late.keep(action, result);
  const filled = await withContents(result, blobs);
  if (filled === undefined) return [declined('internal', 'an output is gone'), 'internal'];
  return [resultOf(filled), result.exitCode === 0 ? 'ok' : 'failed'];
}

function reasonOf({ reason, detail }: Omit<Declined, 'missing'>): Omit<Declined, 'missing'> {
  if (reason === 'no-toolchain') return { reason: 'no-worker', detail: 'no worker has the toolchain' };
  return REASONS.has(reason) ? { reason, detail } : { reason: 'internal', detail: `${reason} ${detail}`.trim() };
}

/** A result as an answer. */
export function resultOf(result: CompileResult): CompileResponse {
  return { answer: { $case: 'result', value: result } };
}

/** Why there is none, as an answer. */
export function declined(reason: string, detail: string): CompileResponse {
  return { answer: { $case: 'declined', value: { reason, detail, missing: [] } } };
}

/** What the client is to bring before it asks again, as an answer. */
export function missing(digests: readonly Digest[]): CompileResponse {
  return { answer: { $case: 'missing', value: { digests: digests.map(digestToWire) } } };
}
