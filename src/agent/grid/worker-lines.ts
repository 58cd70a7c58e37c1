import { connectivityState, type Metadata, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js';
import type { TlsIdentity } from '../../base/tls-identity.ts';
import { channelOf } from '../../contract/channel.ts';
import type { CompileResponse, RunRequest, WorkerServiceClient } from '../../contract/generated/hybridgrid/v1/build.ts';
import { RunService } from '../../contract/run-call.ts';
import { type Outage, outage } from '../../storage/outage.ts';

/** The ways to workers. A worker that could not be reached is left alone for a while, longer each time. */
export interface WorkerLines {
  isGood(address: string): boolean;
  run(address: string, request: RunRequest, signal: AbortSignal): Promise<RunAnswer>;
  close(): void;
}

export type RunAnswer =
  | { readonly kind: 'answered'; readonly answer: CompileResponse['answer'] }
  /** The worker is there, and does not do it. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string };

export interface WorkerLinesOptions {
  readonly metadata: Metadata;
  readonly tls: TlsIdentity | undefined;
  /** In milliseconds. */
  readonly now: () => number;
}

/** In bytes: results with outputs inside. */
const MESSAGE_LIMIT = 64 << 20;
/** A worker in a local network answers in milliseconds, one across the world within a second. */
const CONNECT_MS = 1_000;
/** A worker that was stopped and a line that was cut say nothing: noticed within these two together. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 1_500, 'grpc.keepalive_timeout_ms': 3_000 };
/** Beyond what a compile may take, in milliseconds: the worker's own clock ends it before. */
const GRACE_MS = 30_000;
/** Connections to workers that are not used are closed. */
const IDLE_MS = 60_000;
/** Bytes on the way unconfirmed: an object in one go, however far the worker. */
const WINDOW = 1 << 20;
/** Workers that are remembered. */
const MOST = 512;

const RunClient = makeClientConstructor(RunService, 'WorkerService');

interface Line {
  readonly client: WorkerServiceClient;
  readonly outage: Outage;
}

export function workerLines({ metadata, tls, now }: WorkerLinesOptions): WorkerLines {
  const lines = new Map<string, Line>();
  const lineTo = (address: string): Line => {
    const before = lines.get(address);
    if (before !== undefined) return before;
    const client = new RunClient(address, channelOf(tls), {
      'grpc.max_receive_message_length': MESSAGE_LIMIT,
      'grpc.max_send_message_length': MESSAGE_LIMIT,
      'grpc.enable_channelz': 0,
      'grpc.client_idle_timeout_ms': IDLE_MS,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc-node.flow_control_window': WINDOW,
      ...KEEPALIVE,
    }) as unknown as WorkerServiceClient;
    const line = { client, outage: outage({ now }) };
    lines.set(address, line);
    const [oldest] = lines.keys();
    if (lines.size > MOST && oldest !== undefined) {
      lines.get(oldest)?.client.close();
      lines.delete(oldest);
    }
    return line;
  };
  return {
    isGood: (address) => lines.get(address)?.outage.isGood() ?? true,
    async run(address, request, signal) {
      const line = lineTo(address);
      try {
        const { answer } = await call(line.client, request, metadata, signal);
        line.outage.worked();
        return { kind: 'answered', answer };
      } catch (error) {
        const { code, details } = error as ServiceError;
        const why = details ?? String(error);
        if (signal.aborted || code === status.PERMISSION_DENIED || code === status.RESOURCE_EXHAUSTED)
          return { kind: 'refused', why };
        line.outage.lose();
        return { kind: 'unreachable', why };
      }
    },
    close() {
      for (const { client } of lines.values()) client.close();
      lines.clear();
    },
  };
}

function call(
  client: WorkerServiceClient,
  request: RunRequest,
  metadata: Metadata,
  signal: AbortSignal,
): Promise<CompileResponse> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + request.timeoutMs + GRACE_MS;
    const isThere = client.getChannel().getConnectivityState(true) === connectivityState.READY;
    const under = client.run(request, metadata, { deadline }, (error, answer) => {
      signal.removeEventListener('abort', cancel);
      if (error === null) resolve(answer);
      else reject(error);
    });
    const cancel = (): void => under.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    if (isThere) return;
    // A connection that is refused fails the call; one that is swallowed would hold it up for minutes.
    client.waitForReady(Date.now() + CONNECT_MS, (error) => {
      if (error === undefined) return;
      reject(new Error(`no connection within ${CONNECT_MS} ms`));
      cancel();
    });
  });
}
