import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Digest } from '../base/digest.ts';
import { batches } from '../contract/batches.ts';
import { NAME_LENGTH } from '../contract/compile-name.ts';
import { digestFromWire, digestToWire } from '../contract/digests.ts';
import type {
  CompileResponse,
  CompileResult,
  GrantMessage,
  PlaceAnswer,
  PlaceAsk,
  PlaceMessage,
} from '../contract/generated/hybridgrid/v1/build.ts';
import type { AttachService } from './attach-service.ts';
import { flightKey, type LookUpServices, lookUp } from './compile-service.ts';
import { type DirectPlan, type FlightServices, type Flights, timeoutOf } from './flights.ts';

export interface PlacesServices extends LookUpServices, Pick<FlightServices, 'dispatcher' | 'lacking' | 'now'> {
  readonly attached: AttachService;
  readonly grants: GrantCounters;
  /** {@link START_MS} where not given. */
  readonly placeMs?: number | undefined;
}

/** What is counted of places. */
export interface GrantCounters {
  /** A client was given a place. */
  granted(): void;
  /** It came to the worker with it. */
  used(): void;
}

/** Places on workers for clients that go there themselves: one stream each. */
export interface PlacesService {
  serve(stream: PlacesStream): void;
  /** Ends all streams: the coordinator stops. */
  stop(): void;
}

type PlacesStream = ServerDuplexStream<PlaceMessage, GrantMessage>;
type Answer = NonNullable<PlaceAnswer['answer']>;

/** A place that nobody came to is given to others after so long. A client connects to a worker within a second. */
const START_MS = 5_000;
/** A ticket lasts longer than its place is kept: the worker is told when that is given up, and this is for its clock. */
const TICKET_MS = 15_000;
/** Time for a worker to say what became of a compile that took as long as it may. */
const END_MS = 10_000;
/** What one client may ask for at once. */
const MOST_ASKS = 10_000;
const CLIENT_NAME_LIMIT = 256;
/** Answers are sent before they are larger than this together, in bytes. */
const BATCH_BYTES = 1 << 20;

/** One client's asks. */
interface Asking {
  readonly client: string;
  /** Address and port of its connection. */
  readonly peer: string;
  /** Ways to take asks back, by their numbers. */
  readonly held: Map<number, () => void>;
  readonly answer: (answer: PlaceAnswer) => void;
}

export function placesService(flights: Flights, services: PlacesServices): PlacesService {
  const streams = new Set<PlacesStream>();
  return {
    serve(stream) {
      streams.add(stream);
      const leave = serveStream(stream, flights, services);
      for (const event of ['end', 'error', 'cancelled', 'close'] as const)
        stream.on(event, () => {
          if (streams.delete(stream)) leave();
          if (event === 'end') stream.end();
        });
    },
    stop() {
      for (const stream of [...streams]) stream.end();
    },
  };
}

/** What comes back takes all back that is asked for or granted. */
function serveStream(stream: PlacesStream, flights: Flights, services: PlacesServices): () => void {
  const peer = stream.getPeer();
  const send = (answers: PlaceAnswer[]): void => {
    if (stream.writable) stream.write({ answers });
  };
  let asking: Asking | undefined;
  stream.on('data', ({ client, asks, withdrawn }: PlaceMessage) => {
    const name = client === '' ? peer.replace(/:\d+$/, '') : client.slice(0, CLIENT_NAME_LIMIT);
    asking ??= { client: name, peer, held: new Map(), answer: batches(send, weightOf, BATCH_BYTES) };
    for (const ask of asks) take(ask, asking, flights, services);
    for (const ask of withdrawn) asking.held.get(ask)?.();
  });
  return () => {
    for (const withdraw of [...(asking?.held.values() ?? [])]) withdraw();
  };
}

function weightOf({ answer }: PlaceAnswer): number {
  return answer?.$case === 'result' ? bytesOf(answer.value) : 0;
}

function bytesOf({ stdout, stderr, outputs, lists }: CompileResult): number {
  const pieces = [stdout, stderr, ...lists, ...outputs.map(({ data }) => data)];
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function take(ask: PlaceAsk, asking: Asking, flights: Flights, services: PlacesServices): void {
  const { held } = asking;
  if (held.has(ask.ask)) return;
  const answer = (what: Answer): void => asking.answer({ ask: ask.ask, answer: what });
  if (held.size >= MOST_ASKS) {
    answer(refusal('no-slot', 'too many questions at once'));
    return;
  }
  const gone = new AbortController();
  const withdraw = (): void => {
    held.delete(ask.ask);
    gone.abort();
  };
  held.set(ask.ask, withdraw);
  void place(ask, asking, gone.signal, flights, services).then(
    (found) => {
      if (found.$case !== 'grant') held.delete(ask.ask);
      if (!gone.signal.aborted) answer(found);
    },
    (error: unknown) => {
      held.delete(ask.ask);
      answer(refusal('internal', String(error).slice(0, 256)));
    },
  );
}

/** A result, a place, or why there is neither. */
async function place(
  ask: PlaceAsk,
  asking: Asking,
  gone: AbortSignal,
  flights: Flights,
  services: PlacesServices,
): Promise<Answer> {
  const { dispatcher, blobs, lacking, attached } = services;
  const action = digestFromWire(ask.action);
  if (action === undefined) return refusal('not-acceptable', 'the action is no digest');
  const key = flightKey(action, '');
  for (;;) {
    const stored = ask.ignoreStored ? undefined : await lookUp(action, services);
    if (stored !== undefined) return asAnswer(stored);
    const flying = flights.join(key, ask.timeoutMs, gone);
    if (flying === undefined) break;
    const answer = await flying;
    if (answer !== undefined) return asAnswer(answer);
  }
  if (gone.aborted) return refusal('cancelled', '');
  const doubted = ask.inDoubt.flatMap((bytes) => digestFromWire(bytes) ?? []);
  const missing = doubted.filter((digest) => !blobs.has(digest));
  const toolchain = ask.toolchain.toString('hex');
  const demand = { arch: ask.arch, toolchain, pinnedTo: '' };
  // Whoever sends the whole compile is told what a worker lacks of its compiler, or that there is none.
  if (lacking.isLacking(toolchain) || !dispatcher.couldServe(demand) || !attached.hasWay(asking.peer)) return RELAYED;
  if (missing.length > 0) return { $case: 'missing', value: { digests: missing.map(digestToWire) } };
  if (!ask.ignoreStored) services.counters.sharedMiss();
  const plan = { key, action, demand, name: ask.name.slice(0, NAME_LENGTH), timeoutMs: ask.timeoutMs };
  return seek(plan, ask.ask, asking, gone, flights, services);
}

type Plan = Pick<DirectPlan, 'key' | 'action' | 'demand' | 'name' | 'timeoutMs'>;

/** Waits for a worker; what it is late with may be granted a second time, after the answer. */
function seek(
  plan: Plan,
  ask: number,
  asking: Asking,
  gone: AbortSignal,
  flights: Flights,
  services: PlacesServices,
): Promise<Answer> {
  return new Promise((resolve) => {
    const patience = patienceWith(services.placeMs ?? START_MS, timeoutOf(plan.timeoutMs) + END_MS);
    const over = (): void => {
      patience.end();
      asking.held.delete(ask);
      gone.removeEventListener('abort', giveUp);
    };
    const giveUp = (): void => {
      over();
      withdraw();
      resolve(refusal('cancelled', ''));
    };
    gone.addEventListener('abort', giveUp, { once: true });
    const withdraw = flights.direct({
      ...plan,
      client: asking.client,
      granted(taskId, workerId) {
        const grant = grantOf(plan.action, taskId, workerId, asking, services);
        const isFirst = patience.places === 0;
        if (grant === undefined) {
          if (isFirst) over();
          if (isFirst) resolve(RELAYED);
          return false;
        }
        services.grants.granted();
        const unused = (): void => (patience.places > 0 ? services.dispatcher.stopOn(taskId, workerId) : giveUp());
        patience.begin(workerId, unused, giveUp);
        if (isFirst) resolve(grant);
        else asking.answer({ ask, answer: grant });
        return true;
      },
      started(workerId) {
        services.grants.used();
        patience.started(workerId);
      },
      ended(declined) {
        over();
        // Where it was granted before, this is not heard any more.
        if (declined !== undefined) resolve(asAnswer(declined));
      },
    });
  });
}

function grantOf(
  action: Digest,
  taskId: string,
  workerId: string,
  { client, peer }: Asking,
  { attached, now }: PlacesServices,
): Answer | undefined {
  const address = attached.wayTo(workerId, peer);
  const expiresMs = Math.round(now()) + TICKET_MS;
  const ticket = attached.ticket({ taskId, action, client, workerId, expiresMs });
  if (address === undefined || ticket === undefined) return undefined;
  return { $case: 'grant', value: { taskId, workerId, address, expiresUnixMs: BigInt(expiresMs), ticket } };
}

/** How long places wait for their client, and the client for its result; in milliseconds. */
function patienceWith(startMs: number, wholeMs: number) {
  const waiting = new Map<string, NodeJS.Timeout | undefined>();
  let whole: NodeJS.Timeout | undefined;
  return {
    /** Granted ones, but for those that nobody came to. */
    get places() {
      return waiting.size;
    },
    begin(workerId: string, unused: () => void, late: () => void): void {
      whole ??= setTimeout(late, startMs + wholeMs);
      const expire = (): void => {
        waiting.delete(workerId);
        unused();
      };
      waiting.set(workerId, setTimeout(expire, startMs));
    },
    started(workerId: string): void {
      clearTimeout(waiting.get(workerId));
      waiting.set(workerId, undefined);
    },
    end(): void {
      clearTimeout(whole);
      for (const timer of waiting.values()) clearTimeout(timer);
    },
  };
}

const RELAYED: Answer = { $case: 'relayed', value: true };

function refusal(reason: string, detail: string): Answer {
  return { $case: 'declined', value: { reason, detail, missing: [] } };
}

function asAnswer({ answer }: CompileResponse): Answer {
  return answer ?? refusal('internal', 'no answer');
}
