import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { TlsIdentity } from '../base/tls-identity.ts';
import { accessFor, accessInterceptor, isLoopback } from '../contract/access.ts';
import { addressOf } from '../contract/channel.ts';
import {
  type CompileResponse,
  type RunRequest,
  WorkerServiceService,
} from '../contract/generated/hybridgrid/v1/build.ts';
import type { DirectTasks } from './direct-tasks.ts';

/** Where clients bring compiles themselves: HOST:PORT, any port towards the coordinator, or nowhere. */
export type ListenRule =
  | { readonly kind: 'auto' | 'off' }
  | { readonly kind: 'at'; readonly host: string; readonly port: number };

export interface DirectServerOptions {
  readonly rule: ListenRule;
  readonly token?: string | undefined;
  readonly tls?: TlsIdentity | undefined;
  /** It may listen beyond this machine without TLS. */
  readonly insecure: boolean;
  readonly log: (message: string, details?: object) => void;
}

/** A worker's own door. Behind it is nothing unless the worker is attached: tickets are the coordinator's. */
export interface DirectServer {
  /** Opens it where it is not open, or not where this machine is now. HOST:PORT for clients; empty: nowhere. */
  open(coordinator: { readonly host: string; readonly port: number }): Promise<string>;
  /** Whose tickets are taken; undefined: nobody's. */
  serve(tasks: DirectTasks | undefined): void;
  close(): Promise<void>;
}

/** In bytes, as everywhere: a spec with 20,000 inputs has some 3 MB. */
const MESSAGE_LIMIT = 64 << 20;
/** Calls still running are cut off after this. */
const CLOSE_MS = 1_000;

interface Open {
  readonly server: Server;
  readonly host: string;
  readonly address: string;
}

export function directServer(options: DirectServerOptions): DirectServer {
  const { rule, log } = options;
  let open: Open | undefined;
  let tasks: DirectTasks | undefined;
  const said = new Set<string>();
  const sayOnce = (message: string, details: object): void => {
    const text = `${message} ${JSON.stringify(details)}`;
    if (!said.has(text)) log(message, details);
    said.add(text);
  };
  const run = (call: ServerUnaryCall<RunRequest, CompileResponse>, reply: sendUnaryData<CompileResponse>): void => {
    void answer(call, tasks).then(
      (found) => reply(null, found),
      (error: { code?: status; details?: string }) =>
        reply({ code: error.code ?? status.INTERNAL, details: error.details ?? 'the worker failed' }),
    );
  };
  return {
    async open(coordinator) {
      if (rule.kind === 'off') return '';
      const here = await localAddressTowards(coordinator);
      const host = rule.kind === 'at' ? rule.host : here;
      if (host === undefined) return '';
      const why = reasonToStayClosed(host, options);
      if (why !== undefined) {
        sayOnce('clients cannot come here themselves', { host, why });
        return '';
      }
      if (open?.host === host) return open.address;
      await shut(open?.server);
      open = await listen(host, here ?? host, run, options).catch((error: Error) => {
        sayOnce('clients cannot come here themselves', { host, why: error.message });
        return undefined;
      });
      if (open !== undefined) log('clients may come here themselves', { address: open.address });
      return open?.address ?? '';
    },
    serve(current) {
      tasks = current;
    },
    async close() {
      await shut(open?.server);
      open = undefined;
    },
  };
}

/** The rules of the coordinator's ports: beyond this machine a token, and TLS or the word of who runs it. */
function reasonToStayClosed(host: string, { token, tls, insecure }: DirectServerOptions): string | undefined {
  if (tls !== undefined && (tls.cert === undefined || tls.key === undefined))
    return 'the grid speaks TLS and this worker has no certificate: --tls-cert and --tls-key';
  if (isLoopback(host)) return undefined;
  if ((token ?? '') === '') return 'beyond this machine a token is needed';
  if (tls === undefined && !insecure) return 'no TLS: --insecure on a network that you trust';
  return undefined;
}

async function answer(
  call: ServerUnaryCall<RunRequest, CompileResponse>,
  tasks: DirectTasks | undefined,
): Promise<CompileResponse> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  if (call.cancelled) gone.abort();
  const found = await (tasks?.run(call.request, gone.signal) ?? { kind: 'refused', why: 'not attached' });
  if ('kind' in found) throw { code: status.PERMISSION_DENIED, details: found.why };
  return found;
}

async function listen(
  host: string,
  here: string,
  run: (call: ServerUnaryCall<RunRequest, CompileResponse>, reply: sendUnaryData<CompileResponse>) => void,
  { rule, token, tls }: DirectServerOptions,
): Promise<Open> {
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_LIMIT,
    'grpc.max_send_message_length': MESSAGE_LIMIT,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.enable_channelz': 0,
    interceptors: [accessInterceptor(accessFor(token))],
  });
  server.addService(WorkerServiceService, { run });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(addressOf(host, rule.kind === 'at' ? rule.port : 0), credentialsOf(tls), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  // Nobody can go to "all addresses".
  const isAny = host === '0.0.0.0' || host === '::';
  return { server, host, address: addressOf(isAny ? here : host, port) };
}

function credentialsOf(tls: TlsIdentity | undefined): ServerCredentials {
  if (tls?.cert === undefined || tls.key === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
}

/** The address that this machine has on the way to the coordinator. Nothing is sent to find out. */
function localAddressTowards({ host, port }: { host: string; port: number }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (address: string | undefined): void => {
      socket.close();
      resolve(address);
    };
    socket.on('error', () => end(undefined));
    socket.connect(port, host, () => end(socket.address().address));
  });
}

function shut(server: Server | undefined): Promise<void> {
  if (server === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const impatience = setTimeout(() => server.forceShutdown(), CLOSE_MS);
    server.tryShutdown(() => {
      clearTimeout(impatience);
      resolve();
    });
  });
}
