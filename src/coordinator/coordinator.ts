import { randomBytes, randomInt } from 'node:crypto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { FastifyInstance } from 'fastify';
import { cacheLayout } from '../cas/layout.ts';
import { accessFor, accessInterceptor, isLoopback } from '../contract/access.ts';
import { addressOf } from '../contract/channel.ts';
import { CoordinatorService } from '../contract/raw-spec.ts';
import { openActionCache } from './action-cache.ts';
import { attachService } from './attach-service.ts';
import { openBlobService } from './blob-service.ts';
import { buildService } from './build-service.ts';
import { compileService } from './compile-service.ts';
import { prepareDirectory, removeLeftovers } from './data-directory.ts';
import { startDispatcher } from './dispatcher.ts';
import { startFlights } from './flights.ts';
import { httpFace, type TlsFiles } from './http-face.ts';
import { lackingParts } from './lacking-parts.ts';
import { startLateResults } from './late-results.ts';
import { startMetrics } from './metrics.ts';
import { mismatchReports } from './mismatch-reports.ts';
import { placesService } from './places-service.ts';
import { startQuietWork } from './quiet-work.ts';
import { capacityOf, workerInfos } from './worker-status.ts';

export type { TlsFiles } from './http-face.ts';

/** How a coordinator is to be run. */
export interface CoordinatorOptions {
  /** The address to listen on. Beyond loopback a token is needed. */
  readonly host: string;
  /** 0: any. */
  readonly grpcPort: number;
  /** 0: any. */
  readonly httpPort: number;
  /** What every call has to bring; undefined: all calls are welcome. */
  readonly token?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** Where blobs and results are kept; a byte string. */
  readonly dataDir: string;
  /** The most it keeps there. */
  readonly diskBytes: number;
  /** The largest blob it takes; 1 GiB where not given. */
  readonly blobLimitBytes?: number | undefined;
  /** How often workers are to say that they live; after three times without they are lost. */
  readonly heartbeatMs?: number | undefined;
  /** So long there is nothing to do before what came meanwhile is written, in milliseconds; 500 where not given. */
  readonly quietMs?: number | undefined;
  /** The most answered results that wait to be stored, and their bytes; 512 and 32 MiB where not given. */
  readonly lateLimits?: { readonly results: number; readonly bytes: number } | undefined;
  /** How long a place is kept for a client that was to go to the worker itself, in milliseconds; 5,000 where not given. */
  readonly placeMs?: number | undefined;
  readonly version: string;
  readonly log: (message: string, details?: object) => void;
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
}

/** A coordinator that serves. */
export interface RunningCoordinator {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Resolves when all connections have ended. */
  stop(): Promise<void>;
}

/** Why a coordinator did not start; the message says what to do. */
export class CoordinatorRefused extends Error {
  override readonly name = 'CoordinatorRefused';
  readonly reason: 'token-needed' | 'data-dir-unusable' | 'address-unusable';
  constructor(reason: CoordinatorRefused['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

const HEARTBEAT_MS = 10_000;
const BLOB_LIMIT = 1 << 30;
const QUEUE_LIMIT = 10_000;
/** No message is larger: a compile's description has some 60 KiB, its inputs travel by digest. */
const MESSAGE_LIMIT = 64 << 20;
/** The part of the disk for results, which are small; the rest is for blobs. */
const RESULTS_SHARE = 0.05;
/** Calls still running are cut off after this. */
const STOP_MS = 1000;

/** Starts a coordinator. Throws {@link CoordinatorRefused} where it cannot serve. */
export async function serveCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  const { host, log } = options;
  if (!isLoopback(host) && (options.token ?? '') === '') {
    throw new CoordinatorRefused('token-needed', `listening on ${host}, beyond this machine, needs a token`);
  }
  const unusable = prepareDirectory(options.dataDir);
  if (unusable !== undefined) {
    throw new CoordinatorRefused(
      'data-dir-unusable',
      `the data directory ${options.dataDir} cannot be used: ${unusable}`,
    );
  }
  const parts = await assemble(options);
  const grpc = new Server({
    'grpc.max_receive_message_length': MESSAGE_LIMIT,
    'grpc.max_send_message_length': MESSAGE_LIMIT,
    // A machine that lost its power says nothing: it is noticed by this, or else by its heartbeats.
    'grpc.keepalive_time_ms': 10_000,
    // Its own statistics, which nobody asks for: a thirtieth of a coordinator's time.
    'grpc.enable_channelz': 0,
    'grpc.keepalive_timeout_ms': 10_000,
    interceptors: [accessInterceptor(parts.access)],
  });
  grpc.addService(CoordinatorService, parts.service);
  try {
    parts.ports.http = await listen(parts.http, host, options.httpPort);
    parts.ports.grpc = await bind(grpc, host, options.grpcPort, options.tls);
  } catch (error) {
    parts.dispatcher.stop();
    grpc.forceShutdown();
    await parts.http.close();
    throw new CoordinatorRefused('address-unusable', `cannot listen on ${host}: ${(error as Error).message}`);
  }
  log('the coordinator serves', { host, ...parts.ports, blobs: parts.blobs.usage.blobs, results: parts.actions.size });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopAll(parts, grpc);
    return stopping;
  };
  options.signal?.addEventListener('abort', () => void stop(), { once: true });
  if (options.signal?.aborted === true) await stop();
  return { grpcPort: parts.ports.grpc, httpPort: parts.ports.http, stop };
}

type Parts = Awaited<ReturnType<typeof assemble>>;

async function assemble(options: CoordinatorOptions) {
  const { log, version, diskBytes, heartbeatMs = HEARTBEAT_MS } = options;
  const layout = cacheLayout(options.dataDir);
  const now = Date.now;
  const warn = atMostOncePerSecond(log, now);
  removeLeftovers(layout, now());
  const startedMs = performance.now();
  const uptimeMs = (): number => performance.now() - startedMs;
  const ports = { grpc: 0, http: 0 };
  const access = accessFor(options.token);
  const limitBytes = Math.floor(diskBytes * (1 - RESULTS_SHARE));
  const { blobLimitBytes = BLOB_LIMIT } = options;
  const blobs = await openBlobService({ layout, limitBytes, blobLimitBytes, now, warn });
  const actions = await openActionCache({ layout, limitBytes: diskBytes - limitBytes, blobs, now, warn });
  const dispatcher = startDispatcher({
    heartbeatMs,
    queueLimit: QUEUE_LIMIT,
    seed: randomInt(2 ** 32),
    now: () => performance.now(),
    log,
  });
  const quiet = startQuietWork({
    isBusy: () => dispatcher.queued + dispatcher.active > 0,
    quietMs: options.quietMs,
    step: async () => (await late.settleOldest()) || blobs.writeOldest(),
    log,
  });
  const { wake } = quiet;
  const mismatches = mismatchReports({
    actions,
    late: () => late,
    attached: () => attached,
    now: () => performance.now(),
    log,
  });
  const { heard } = mismatches;
  const late = startLateResults({ blobs, actions, wake, limits: options.lateLimits, log, heard });
  const storedResults = (): number => actions.size + late.unstored;
  const metrics = startMetrics({
    queued: () => dispatcher.queued,
    active: () => dispatcher.active,
    workers: () => dispatcher.workers.size,
    slots: () => capacityOf(dispatcher).slots,
    storedBytes: () => blobs.usage.bytes,
    storedResults,
    quarantined: () => [...attached.workers.values()].filter(({ quarantine }) => quarantine !== '').length,
  });
  const httpPort = (): number => ports.http;
  const lacking = lackingParts(performance.now.bind(performance));
  const attached = attachService({ dispatcher, blobs, lacking, heartbeatMs, httpPort, now, log });
  const counters = metrics;
  const compiling = { dispatcher, blobs, actions, late, lacking, wake, counters, newTaskId: taskIds(), now, log };
  const flights = startFlights(compiling);
  const compiles = compileService(compiling, flights);
  const places = placesService(flights, { ...compiling, attached, grants: metrics, placeMs: options.placeMs });
  const service = buildService({
    compiles,
    places,
    attached,
    dispatcher,
    blobs,
    late,
    storedResults,
    metrics,
    mismatches,
    heartbeatMs,
    version,
    httpPort,
    uptimeMs,
    log,
  }); // prettier-ignore
  const figures = () => ({
    version,
    uptimeMs: uptimeMs(),
    nowMs: now(),
    queued: dispatcher.queued,
    active: dispatcher.active,
    slots: capacityOf(dispatcher).slots,
    storedResults: storedResults(),
    storedBytes: blobs.usage.bytes,
    limitBytes,
    ...metrics.totals,
    workers: workerInfos(attached, dispatcher),
  });
  const http = httpFace({ access, blobs, metrics, tls: options.tls, figures, wake, log });
  return { access, blobs, actions, late, quiet, dispatcher, places, service, http, ports };
}

/** Names of tasks, other ones in every run: what a worker says of a task of the run before is no answer to one of this. */
function taskIds(): () => string {
  const run = randomBytes(6).toString('hex');
  let count = 0;
  return () => {
    count += 1;
    return `${run}-${count}`;
  };
}

/** A full disk has something to say of every blob: each sentence is said once a second, with how often it was meant. */
function atMostOncePerSecond(
  log: (message: string, details: object) => void,
  now: () => number,
): (message: string, details: object) => void {
  const said = new Map<string, { atMs: number; unsaid: number }>();
  return (message, details) => {
    const before = said.get(message);
    if (before !== undefined && now() - before.atMs < 1000) {
      before.unsaid += 1;
      return;
    }
    const unsaid = before?.unsaid ?? 0;
    said.set(message, { atMs: now(), unsaid: 0 });
    log(message, unsaid === 0 ? details : { ...details, unsaid });
  };
}

async function listen(http: FastifyInstance, host: string, port: number): Promise<number> {
  await http.listen({ host, port });
  const address = http.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

function bind(grpc: Server, host: string, port: number, tls: TlsFiles | undefined): Promise<number> {
  const pair = tls && [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }];
  const ca = tls?.clientCa === undefined ? null : Buffer.from(tls.clientCa);
  const credentials =
    pair === undefined ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(ca, pair, ca !== null);
  return new Promise((resolve, reject) => {
    grpc.bindAsync(addressOf(host, port), credentials, (error, bound) => {
      if (error !== null) reject(error);
      else resolve(bound);
    });
  });
}

async function stopAll({ dispatcher, places, http, blobs, actions, late, quiet }: Parts, grpc: Server): Promise<void> {
  dispatcher.stop();
  places.stop();
  quiet.stop();
  const ended = new Promise<void>((resolve) => {
    const impatience = setTimeout(() => grpc.forceShutdown(), STOP_MS);
    grpc.tryShutdown(() => {
      clearTimeout(impatience);
      resolve();
    });
  });
  await Promise.all([ended, http.close()]);
  await late.flush();
  await blobs.flush();
  await actions.flush();
}
