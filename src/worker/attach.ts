import { Metadata } from '@grpc/grpc-js';
import type { TlsIdentity } from '../base/tls-identity.ts';
import { addressOf, channelOf } from '../contract/channel.ts';
import {
  BuildServiceClient,
  type CoordinatorMessage,
  type Task,
  type Welcome,
  type WorkerCapabilities,
  type WorkerMessage,
} from '../contract/generated/hybridgrid/v1/build.ts';
import { type BlobServer, blobServer } from './blob-server.ts';
import type { DirectServer } from './direct-server.ts';
import { type DirectTasks, directTasks } from './direct-tasks.ts';
import { withGiven } from './given-blobs.ts';
import { pause, reconnectDelay } from './reconnect.ts';
import type { TaskOutcome } from './run-task.ts';
import { declined, onWire, type RunningTasks, runningTasks } from './running-tasks.ts';

export interface AttachOptions {
  readonly coordinator: { readonly host: string; readonly port: number };
  readonly token?: string | undefined;
  readonly tls?: TlsIdentity | undefined;
  readonly capabilities: WorkerCapabilities;
  /** What a heartbeat says of the machine. */
  readonly state: () => { readonly loadPercent: number; readonly diskFreeBytes: bigint };
  readonly run: (task: Task, from: BlobServer, signal: AbortSignal) => Promise<TaskOutcome>;
  /** Where clients bring compiles themselves. */
  readonly direct: DirectServer;
  readonly log: (message: string, details?: object) => void;
  /** With its abort no more tasks are taken; those at work are finished. */
  readonly signal: AbortSignal;
}

/** How a stream ended. */
type StreamEnd =
  | { readonly kind: 'drained' }
  | { readonly kind: 'lost'; readonly why: string; readonly worked: boolean };

/** In bytes: a task with 20,000 inputs has some 3 MB. */
const MESSAGE_LIMIT = 64 << 20;
/** A cable that was pulled is noticed within 15 s. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 5_000 };
const WELCOME_MS = 10_000;
/** For the last words of a worker that leaves. */
const FAREWELL_MS = 2_000;

/** Serves tasks until it is told to leave, whatever becomes of the coordinator meanwhile. */
export async function stayAttached(options: AttachOptions): Promise<void> {
  const { log, signal, coordinator } = options;
  for (let failures = 0; !signal.aborted; ) {
    const ended = await attachOnce(options);
    if (ended.kind === 'drained') return;
    failures = ended.worked ? 0 : failures + 1;
    const delay = reconnectDelay(failures, Math.random());
    // One line for a coordinator that is away, not one for every try.
    if (failures <= 1) log('the coordinator is away', { ...coordinator, why: ended.why });
    await pause(delay, signal);
  }
}

/** One stream, from hello to its end. When this settles, nothing of its tasks is left. */
async function attachOnce(options: AttachOptions): Promise<StreamEnd> {
  const { coordinator, token, tls, log, signal } = options;
  const capabilities = { ...options.capabilities, listens: await options.direct.open(coordinator) };
  const client = new BuildServiceClient(addressOf(coordinator.host, coordinator.port), channelOf(tls), {
    'grpc.max_receive_message_length': MESSAGE_LIMIT,
    'grpc.max_send_message_length': MESSAGE_LIMIT,
    // A channel of its own for every try: the waits between them are ours.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
    ...KEEPALIVE,
  });
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const stream = client.attach(metadata);
  let open = true;
  let draining = false;
  let blobs: BlobServer | undefined;
  let direct: DirectTasks | undefined;
  let heart: NodeJS.Timeout | undefined;
  const say = (message: WorkerMessage['message']): void => {
    if (open) stream.write({ message });
  };
  const failed = (error: unknown): void =>
    log('a task failed unexpectedly', { error: (error as Error)?.stack ?? String(error) });
  const tasks = runningTasks({
    slots: capabilities.slots,
    draining: () => draining,
    run: (task, stop) => options.run(task, blobs as BlobServer, stop),
    ended: (value) => say({ $case: 'ended', value }),
    failed,
  });
  const welcome = ({ heartbeatMs, httpPort, ticketKey, unixMs }: Welcome): void => {
    if (blobs !== undefined) return;
    clearTimeout(impatience);
    const from = blobServer({ host: coordinator.host, port: httpPort, token, tls });
    blobs = from;
    direct = directTasks({
      workerId: capabilities.workerId,
      tasks,
      welcome: { ticketKey, unixMs },
      now: () => performance.now(),
      run: (task, given, stop) => options.run(task, withGiven(from, given), stop),
      started: (value) => say({ $case: 'started', value }),
      unused: (taskId) =>
        say({ $case: 'ended', value: { taskId, outcome: onWire(declined('client-gone', 'it did not come')) } }),
      failed,
    });
    options.direct.serve(direct);
    const beat = (): void => say({ $case: 'heartbeat', value: { running: tasks.count(), ...options.state() } });
    heart = setInterval(beat, Math.max(heartbeatMs, 100));
    log('attached', { ...coordinator, slots: capabilities.slots });
  };
  const cancel = (taskId: string): void => {
    if (!tasks.cancel(taskId)) direct?.takeBack(taskId);
  };
  const drain = (): void => {
    if (draining) return;
    draining = true;
    say({ $case: 'draining', value: true });
    void leaveWhenIdle(tasks, stream);
  };
  const impatience = setTimeout(() => stream.cancel(), WELCOME_MS);
  stream.on('data', ({ message }: CoordinatorMessage) => {
    if (message?.$case === 'welcome') welcome(message.value);
    else if (message?.$case === 'task' && blobs !== undefined) tasks.start(message.value);
    else if (message?.$case === 'cancel') cancel(message.value.taskId);
    else if (message?.$case === 'drain') drain();
  });
  say({ $case: 'hello', value: capabilities });
  signal.addEventListener('abort', drain);
  if (signal.aborted) drain();
  const why = await streamEnd(stream);
  open = false;
  clearTimeout(impatience);
  clearInterval(heart);
  signal.removeEventListener('abort', drain);
  options.direct.serve(undefined);
  const lost = tasks.count();
  // Whoever asked for them asks another worker: the coordinator has given them up.
  blobs?.close();
  await tasks.abandon();
  client.close();
  return draining && lost === 0 ? { kind: 'drained' } : { kind: 'lost', why, worked: blobs !== undefined };
}

async function leaveWhenIdle(tasks: RunningTasks, stream: { end(): void; cancel(): void }): Promise<void> {
  await tasks.idle();
  stream.end();
  // A coordinator that does not answer holds up nobody.
  setTimeout(() => stream.cancel(), FAREWELL_MS).unref();
}

/** Why the stream ended. */
function streamEnd(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    stream.on('error', (error) => resolve((error as { details?: string }).details ?? error.message));
    stream.on('end', () => resolve('it ended the stream'));
  });
}
