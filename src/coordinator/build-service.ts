import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { digestFromWire, digestToWire } from '../contract/digests.ts';
import type {
  BuildServiceServer,
  BuildServiceService,
  CompileResponse,
  HealthCheckResponse,
  ReportMismatchRequest,
  ReportResultRequest,
  ReportResultResponse,
  WorkerMessage,
} from '../contract/generated/hybridgrid/v1/build.ts';
import type { CompileQuestion, CoordinatorSays } from '../contract/raw-spec.ts';
import { proveResult } from './accept-result.ts';
import { type AttachService, reasonToRefuse } from './attach-service.ts';
import type { BlobService } from './blob-service.ts';
import type { CompileService } from './compile-service.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { LateResults } from './late-results.ts';
import type { Metrics } from './metrics.ts';
import type { MismatchReports, MismatchVerdict } from './mismatch-reports.ts';
import type { PlacesService } from './places-service.ts';
import { capacityOf, workerInfos } from './worker-status.ts';

/** What the calls rest on. */
export interface BuildServices {
  readonly compiles: CompileService;
  readonly places: PlacesService;
  readonly attached: AttachService;
  readonly dispatcher: Dispatcher;
  readonly blobs: BlobService;
  readonly late: LateResults;
  /** Results that can be answered. */
  readonly storedResults: () => number;
  readonly metrics: Metrics;
  readonly mismatches: MismatchReports;
  readonly heartbeatMs: number;
  readonly version: string;
  readonly httpPort: () => number;
  readonly uptimeMs: () => number;
  readonly log: (message: string, details: object) => void;
}

const NO_JOBS = { code: status.UNIMPLEMENTED, details: 'this coordinator compiles; it does not run jobs yet' };
const CLIENT_NAME_LIMIT = 256;
/** Roles are shorter. */
const OUTPUT_NAME_LIMIT = 16;

/** An answer that the caller is to see as a status of its own. */
class CallRefused extends Error {
  readonly code: status;
  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

/** {@link BuildServiceServer} with specs that pass through unread. */
export type CoordinatorServer = {
  readonly [Call in Exclude<keyof BuildServiceService, 'compile' | 'attach'>]: BuildServiceServer[Call];
} & {
  readonly compile: handleUnaryCall<CompileQuestion, CompileResponse>;
  readonly attach: handleBidiStreamingCall<WorkerMessage, CoordinatorSays>;
};

/** The coordinator's side of every call of the contract. */
export function buildService(services: BuildServices): CoordinatorServer {
  const { attached, dispatcher, metrics, version, heartbeatMs } = services;
  const unary = <Q, R>(answer: (question: Q, call: ServerUnaryCall<Q, R>) => R | Promise<R>) =>
    answering(answer, services.log);
  return {
    handshake: unary(({ capabilities }) => {
      const refusal = capabilities === undefined ? 'no capabilities' : reasonToRefuse(capabilities);
      return { accepted: refusal === undefined, message: refusal ?? '', heartbeatMs, coordinatorVersion: version };
    }),
    compile: unary((question, call) => compile(question, call, services)),
    healthCheck: unary(() => health(services)),
    getWorkerStatus: unary(() => {
      const workers = workerInfos(attached, dispatcher);
      return { workers, totalWorkers: workers.length, healthyWorkers: capacityOf(dispatcher).workers };
    }),
    getWorkersForBuild: unary(({ toolchains }) =>
      capacityOf(
        dispatcher,
        toolchains.map((digest) => digest.toString('hex')),
      ),
    ),
    reportCacheHit: unary(({ hits }) => {
      metrics.localHits(Number(hits));
      return { acknowledged: true };
    }),
    reportResult: unary((request) => reportResult(request, services)),
    reportMismatch: unary((request, call) => reportMismatch(request, peerOf(call.getPeer()), services)),
    build: (_call, reply) => reply(NO_JOBS),
    streamBuild: (call, reply) => {
      call.resume();
      reply(NO_JOBS);
    },
    attach: (stream) => attached.attach(stream),
    places: (stream) => services.places.serve(stream),
  };
}

/** A bug in one call is that call's failure and a line in the log; never the end of the coordinator. */
function answering<Q, R>(
  answer: (question: Q, call: ServerUnaryCall<Q, R>) => R | Promise<R>,
  log: (message: string, details: object) => void,
): (call: ServerUnaryCall<Q, R>, reply: sendUnaryData<R>) => void {
  return (call, reply) => {
    void (async () => {
      try {
        reply(null, await answer(call.request, call));
      } catch (error) {
        if (error instanceof CallRefused) return reply({ code: error.code, details: error.message });
        log('a call failed', { path: call.getPath(), error: error instanceof Error ? error.stack : String(error) });
        reply({ code: status.INTERNAL, details: 'the coordinator failed; its log says more' });
      }
    })();
  };
}

function compile(
  question: CompileQuestion,
  call: ServerUnaryCall<CompileQuestion, CompileResponse>,
  { compiles }: BuildServices,
): Promise<CompileResponse> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  if (call.cancelled) gone.abort();
  // A client without a name shares with whoever else is at its address.
  const name = question.request.client;
  const client = name === '' ? peerOf(call.getPeer()) : name;
  return compiles.compile(question, client.slice(0, CLIENT_NAME_LIMIT), gone.signal);
}

/** The address without the port. */
function peerOf(peer: string): string {
  return peer.replace(/:\d+$/, '');
}

function reportMismatch(
  { action: bytes, output, delivered, plain, offset }: ReportMismatchRequest,
  peer: string,
  { mismatches, metrics }: BuildServices,
): Promise<MismatchVerdict> {
  const action = digestFromWire(bytes);
  if (action === undefined) throw new CallRefused(status.INVALID_ARGUMENT, 'the action is no digest');
  metrics.mismatchReported();
  return mismatches.report({
    action,
    output: output.slice(0, OUTPUT_NAME_LIMIT),
    delivered: delivered.toString('hex'),
    plain: plain.toString('hex'),
    offset: Number(offset),
    peer,
  });
}

function health(services: BuildServices): HealthCheckResponse {
  const { dispatcher, storedResults, metrics, version, httpPort, uptimeMs } = services;
  const { slots } = capacityOf(dispatcher);
  return {
    healthy: true,
    activeTasks: dispatcher.active,
    queuedTasks: dispatcher.queued,
    uptimeMs: BigInt(Math.round(uptimeMs())),
    version,
    workers: dispatcher.workers.size,
    slots,
    storedResults: BigInt(storedResults()),
    sharedHits: BigInt(metrics.totals.sharedHits),
    httpPort: httpPort(),
  };
}

async function reportResult(
  { action: bytes, result }: ReportResultRequest,
  { blobs, late }: BuildServices,
): Promise<ReportResultResponse> {
  const action = digestFromWire(bytes);
  if (action === undefined) throw new CallRefused(status.INVALID_ARGUMENT, 'the action is no digest');
  if (result === undefined) throw new CallRefused(status.INVALID_ARGUMENT, 'no result');
  if (result.exitCode !== 0) throw new CallRefused(status.INVALID_ARGUMENT, 'only successes are stored');
  const accepted = await proveResult(result, blobs);
  if (accepted.kind === 'false') throw new CallRefused(status.INVALID_ARGUMENT, accepted.detail);
  if (accepted.kind === 'lacking') return { missing: accepted.missing.map(digestToWire) };
  await late.keep(action, { ...accepted.result, workerId: '', fromCache: false });
  return { missing: [] };
}
