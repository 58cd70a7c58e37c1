import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import { isLocalNetwork, isLoopback } from '../contract/access.ts';
import { digestFromWire } from '../contract/digests.ts';
import type {
  CompileResult,
  TaskEnded,
  WorkerCapabilities,
  WorkerMessage,
} from '../contract/generated/hybridgrid/v1/build.ts';
import type { CoordinatorSays } from '../contract/raw-spec.ts';
import { newTicketKey, type TicketTerms, ticketFor } from '../contract/ticket.ts';
import type { TaskOutcome } from '../scheduler/model.ts';
import { proveResult } from './accept-result.ts';
import type { BlobService } from './blob-service.ts';
import type { Attachment, Dispatcher, WorkerPort } from './dispatcher.ts';
import type { LackingParts } from './lacking-parts.ts';

/** What is known of an attached worker beside its tasks. */
export interface AttachedWorker {
  readonly capabilities: WorkerCapabilities;
  readonly address: string;
  /** Milliseconds since 1970. */
  lastHeartbeatMs: number;
  /** Why it gets no tasks until it attaches again; empty: it is not in quarantine. */
  quarantine: string;
}

export interface AttachServices {
  readonly dispatcher: Dispatcher;
  readonly blobs: BlobService;
  readonly lacking: LackingParts;
  readonly heartbeatMs: number;
  readonly httpPort: () => number;
  readonly now: () => number;
  readonly log: (message: string, details: object) => void;
}

/** The workers' streams. */
export interface AttachService {
  readonly workers: ReadonlyMap<string, AttachedWorker>;
  attach(stream: ServerDuplexStream<WorkerMessage, CoordinatorSays>): void;
  /**
   * The worker gets no more tasks, and what it still answers is not taken, until it attaches again. False where it is not
   * attached or in quarantine already.
   */
  quarantine(workerId: string, why: string): boolean;
  /** Lifts it: the worker is sent away, and comes back. */
  release(workerId: string): void;
  /** Where the client at `peer` may bring a compile to this worker itself; undefined: nowhere. */
  wayTo(workerId: string, peer: string): string | undefined;
  /** Whether there is such a worker at all. */
  hasWay(peer: string): boolean;
  /** A ticket that the worker takes; undefined where it is not attached. */
  ticket(terms: TicketTerms): Buffer | undefined;
}

/** A stream that does not say who it is within this time is ended. */
const HELLO_MS = 10_000;
const MAX_SLOTS = 4096;

/** Why a worker cannot be attached; undefined where it can. */
export function reasonToRefuse({ workerId, slots, arch }: WorkerCapabilities): string | undefined {
  if (!/^[\x21-\x7e]{1,128}$/.test(workerId)) return 'the worker id has to be 1 to 128 printable ASCII characters';
  if (slots > MAX_SLOTS) return `more than ${MAX_SLOTS} slots`;
  if (!/^[\w.-]{1,32}$/.test(arch)) return 'the architecture is not named';
  return undefined;
}

export function attachService(services: AttachServices): AttachService {
  const workers = new Map<string, GreetedWorker>();
  const wayTo = (worker: GreetedWorker | undefined, peer: string): string | undefined => {
    const { listens = '' } = worker?.capabilities ?? {};
    const host = hostAt(listens);
    // This machine's loopback is another one's own.
    return host === undefined || (isLoopback(host) && !isLoopback(hostOf(peer).replace(/^::ffff:/, '')))
      ? undefined
      : listens;
  };
  return {
    workers,
    wayTo: (workerId, peer) => wayTo(workers.get(workerId), peer),
    hasWay: (peer) => [...workers.values()].some((worker) => wayTo(worker, peer) !== undefined),
    ticket(terms) {
      const worker = workers.get(terms.workerId);
      return worker === undefined ? undefined : ticketFor(worker.ticketKey, terms);
    },
    attach: (stream) => serve(stream, workers, services),
    quarantine(workerId, why) {
      const worker = workers.get(workerId);
      if (worker === undefined || worker.quarantine !== '') return false;
      worker.quarantine = why;
      worker.stopTasks();
      services.log('a worker is in quarantine', { worker: workerId, why });
      return true;
    },
    release(workerId) {
      const worker = workers.get(workerId);
      if (worker !== undefined && worker.quarantine !== '') worker.sendAway('the quarantine is lifted');
    },
  };
}

/** A worker with the ways to it. */
interface GreetedWorker extends AttachedWorker {
  /** Of this attachment alone. */
  readonly ticketKey: Buffer;
  stopTasks(): void;
  sendAway(why: string): void;
}

function serve(
  stream: ServerDuplexStream<WorkerMessage, CoordinatorSays>,
  workers: Map<string, GreetedWorker>,
  services: AttachServices,
): void {
  let greeted: Greeted | undefined;
  const end = (code: status, details: string): void => {
    // An error emitted on a server stream becomes its status.
    stream.emit('error', { code, details });
  };
  const impatience = setTimeout(() => end(status.DEADLINE_EXCEEDED, 'no hello'), HELLO_MS);
  const leave = (): void => {
    clearTimeout(impatience);
    greeted?.leave();
    greeted = undefined;
  };
  stream.on('data', (message: WorkerMessage) => {
    const said = message.message;
    if (greeted !== undefined) greeted.hear(message);
    else if (said?.$case !== 'hello') end(status.INVALID_ARGUMENT, 'the first message has to be a hello');
    else {
      clearTimeout(impatience);
      const refusal = reasonToRefuse(said.value);
      if (refusal !== undefined) end(status.INVALID_ARGUMENT, refusal);
      else greeted = greet(stream, said.value, workers, services, end);
    }
  });
  stream.on('end', () => {
    leave();
    stream.end();
  });
  stream.on('error', leave);
  stream.on('cancelled', leave);
  stream.on('close', leave);
}

interface Greeted {
  hear(message: WorkerMessage): void;
  leave(): void;
}

function greet(
  stream: ServerDuplexStream<WorkerMessage, CoordinatorSays>,
  capabilities: WorkerCapabilities,
  workers: Map<string, GreetedWorker>,
  services: AttachServices,
  end: (code: status, details: string) => void,
): Greeted {
  const { dispatcher, heartbeatMs, httpPort, now, log } = services;
  const { workerId } = capabilities;
  const address = stream.getPeer();
  const say = (said: CoordinatorSays): void => {
    if (stream.writable) stream.write(said);
  };
  const port: WorkerPort = {
    run: (rawTask) => say({ rawTask }),
    cancel: (taskId) => say({ message: { $case: 'cancel', value: { taskId } } }),
    drop: (why) => end(status.ABORTED, why),
  };
  const ticketKey = newTicketKey();
  const welcome = { heartbeatMs, httpPort: httpPort(), ticketKey, unixMs: BigInt(Math.round(now())) };
  say({ message: { $case: 'welcome', value: welcome } });
  const worker: GreetedWorker = {
    capabilities,
    address,
    lastHeartbeatMs: now(),
    quarantine: '',
    ticketKey,
    stopTasks() {
      attachment.draining();
      attachment.stopDirect();
    },
    sendAway: port.drop,
  };
  workers.set(workerId, worker);
  const attachment = dispatcher.attach(offerOf(capabilities, address), port);
  const { slots, arch, listens } = capabilities;
  log('a worker attached', { worker: workerId, address, slots, arch, listens });
  return {
    hear({ message }) {
      worker.lastHeartbeatMs = now();
      if (message?.$case === 'heartbeat') attachment.heartbeat();
      else if (message?.$case === 'draining') attachment.draining();
      else if (message?.$case === 'started') attachment.started(message.value);
      else if (message?.$case === 'ended') void settle(message.value, worker, attachment, services);
    },
    leave() {
      if (workers.get(workerId) === worker) workers.delete(workerId);
      attachment.detach();
      log('a worker left', { worker: workerId, address });
    },
  };
}

function offerOf({ workerId, arch, cpuCores, memoryBytes, slots, isolation }: WorkerCapabilities, peer: string) {
  return {
    id: workerId,
    arch,
    cores: cpuCores,
    memoryBytes: Number(memoryBytes),
    slots: isolation === 'none' ? 0 : slots,
    lan: isLocalNetwork(hostOf(peer)),
  };
}

/** The host of an address as workers name it; undefined where it is none. */
function hostAt(address: string): string | undefined {
  const [, host, port] = /^\[?([\w.:%-]{1,256}?)\]?:(\d{1,5})$/.exec(address) ?? [];
  return Number(port) > 0 ? host : undefined;
}

/** `10.0.0.7:1234`, `[fe80::1]:1234`, also with a scheme before them. */
function hostOf(peer: string): string {
  return /\[([^\]]+)\]:\d+$/.exec(peer)?.[1] ?? /([^/:]+):\d+$/.exec(peer)?.[1] ?? peer;
}

/** A worker's word on a task is held to the facts before it counts as the task's end. */
async function settle(
  { taskId, outcome }: TaskEnded,
  worker: AttachedWorker,
  attachment: Attachment,
  { blobs, lacking, log }: AttachServices,
): Promise<void> {
  const { workerId } = worker.capabilities;
  const toolchain = attachment.toolchainOf(taskId);
  // Nothing is taken from it for a task it was not given.
  if (toolchain === undefined) return;
  if (worker.quarantine !== '') {
    attachment.ended(taskId, { kind: 'declined', reason: 'internal', detail: 'the worker is in quarantine' });
    return;
  }
  if (outcome?.$case !== 'result') {
    const { reason, detail, missing } = outcome?.value ?? { reason: 'internal', detail: 'no outcome', missing: [] };
    const parts = missing.flatMap((bytes) => digestFromWire(bytes) ?? []);
    if (reason === 'no-toolchain') lacking.note(toolchain, parts);
    attachment.ended(taskId, { kind: 'declined', reason: reason.slice(0, 64), detail: detail.slice(0, 1024) });
    return;
  }
  try {
    // Before anybody has it: a worker that is wrong is found out at once, and the compile goes to another.
    const accepted = await proveResult(outcome.value, blobs);
    if (accepted.kind === 'complete' || accepted.kind === 'deliverable') {
      const result: CompileResult = { ...accepted.result, workerId, fromCache: false };
      attachment.ended(taskId, okOf(result), result);
    } else {
      log('a result cannot be used', { worker: workerId, task: taskId, ...accepted });
      attachment.ended(taskId, { kind: 'declined', reason: 'internal', detail: 'its result cannot be used' });
    }
  } catch (error) {
    log('a result could not be taken', { worker: workerId, task: taskId, error: String(error) });
    attachment.ended(taskId, { kind: 'lost' });
  }
}

function okOf({ compileMs, cpuMs }: CompileResult): TaskOutcome {
  return { kind: 'ok', latencyMs: Math.max(0, compileMs - cpuMs) };
}
