import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Digest } from '../../base/digest.ts';
import type { TlsIdentity } from '../../base/tls-identity.ts';
import { addressOf, channelOf } from '../../contract/channel.ts';
import {
  type Blob,
  BuildServiceClient,
  type CompileRequest,
  type CompileResponse,
  type GetWorkersForBuildResponse,
  type HealthCheckResponse,
  type ReportMismatchResponse,
  type ReportResultResponse,
} from '../../contract/generated/hybridgrid/v1/build.ts';
import { afterListening } from '../../contract/patience.ts';
import { packSpec } from '../../contract/raw-spec.ts';
import { type BlobTransfer, blobTransfer } from './blob-transfer.ts';
import { directPath } from './direct-path.ts';
import { eitherSignal } from './either-signal.ts';
import type { Grid, GridAnswer, GridAsked, Shipment } from './grid.ts';
import { fewUnknown } from './inline-blobs.ts';
import { places } from './places.ts';
import { reach } from './reach.ts';
import { uploads } from './uploads.ts';
import { workerLines } from './worker-lines.ts';

export interface RemoteGridOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly tls: TlsIdentity | undefined;
  /** One per user and machine, for fair shares. */
  readonly client: string;
  readonly log: (message: string, details: object) => void;
}

const MESSAGE_LIMIT = 64 << 20;
/** A compile that takes longer is given up and done at home. */
const COMPILE_TIMEOUT_MS = 600_000;
const CALL_TIMEOUT_MS = 2_000;
/** So much later the clock alone ends a call, which counts time in which we did not listen. */
const BACKSTOP = 5;
/**
 * First the grid lacks inputs, then a worker lacks the compiler, then the grid the compiler's parts; and it may lose blobs between question
 * and answer (eviction): not asked for ever.
 */
const ROUNDS = 6;
/** How old the number of slots may be. */
const CAPACITY_MS = 2_000;

const declined = (reason: string, detail = ''): GridAnswer => ({ kind: 'declined', reason, detail });

/** A coordinator over gRPC, with its blobs over HTTP. */
export function remoteGrid(options: RemoteGridOptions): Grid {
  const { host, port, token, tls } = options;
  const service = new BuildServiceClient(addressOf(host, port), channelOf(tls), {
    'grpc.max_receive_message_length': MESSAGE_LIMIT,
    'grpc.max_send_message_length': MESSAGE_LIMIT,
    'grpc.keepalive_time_ms': 10_000,
    // Its own statistics, which nobody asks for: a thirtieth of a coordinator's time.
    'grpc.enable_channelz': 0,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  /**
   * Blobs that the grid has, told by it or uploaded, and how many questions had been asked when that was found out.
   * Emptied with every connection that was lost.
   */
  const known = new Map<Digest, number>();
  let questions = 0;
  let capacity: number | undefined;
  let capacityAt = 0;
  let blobs: Promise<BlobTransfer | undefined> | undefined;

  const call = <Q, R>(
    method: (
      q: Q,
      m: Metadata,
      o: { deadline: number },
      done: (e: ServiceError | null, r: R) => void,
    ) => { cancel(): void },
    question: Q,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<R> =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + BACKSTOP * timeoutMs;
      const under = method.call(service, question, metadata, { deadline }, (error, answer) => {
        signal?.removeEventListener('abort', cancel);
        putOff();
        if (error !== null) return reject(error);
        way.hear();
        resolve(answer);
      });
      const cancel = (): void => under.cancel();
      const putOff = afterListening(timeoutMs, () => {
        reject(new Error(`no answer within ${timeoutMs} ms`));
        cancel();
      });
      signal?.addEventListener('abort', cancel, { once: true });
      if (signal?.aborted === true) cancel();
    });

  const alive = (): Promise<unknown> => call<object, HealthCheckResponse>(service.healthCheck, {}, CALL_TIMEOUT_MS);
  const way = reach({ ask: alive, now: Date.now });

  const trouble = (error: unknown): GridAnswer => {
    const { code, details } = error as ServiceError;
    known.clear();
    asking.reset();
    void blobs?.then((to) => to?.close());
    blobs = undefined;
    if (way.lose()) options.log('the grid cannot be used', { code, details: details ?? String(error) });
    return declined('unreachable', details ?? String(error));
  };

  /** Where the blobs are is asked of the coordinator itself. */
  const transfer = (): Promise<BlobTransfer | undefined> => {
    blobs ??= call<object, HealthCheckResponse>(service.healthCheck, {}, CALL_TIMEOUT_MS).then(
      ({ httpPort }) => blobTransfer({ host, port: httpPort, token, tls }),
      () => {
        // Asked again for the next compile.
        blobs = undefined;
        return undefined;
      },
    );
    return blobs;
  };

  const askCapacity = (): void => {
    if (Date.now() - capacityAt < CAPACITY_MS) return;
    capacityAt = Date.now();
    call<{ toolchains: Buffer[] }, GetWorkersForBuildResponse>(
      service.getWorkersForBuild,
      { toolchains: [] },
      CALL_TIMEOUT_MS,
    ).then(
      ({ slots }) => {
        capacity = slots;
      },
      () => {},
    );
  };

  const sending = uploads(transfer, (digest) => known.set(digest, questions));

  const ask = (shipment: Shipment, inline: readonly Blob[], { storedOnly, ignoreStored, signal }: GridAsked) => {
    const question: CompileRequest = {
      taskId: '',
      spec: undefined,
      // A stored result is found by the digest alone.
      packedSpec: storedOnly ? Buffer.alloc(0) : packSpec(shipment.spec),
      action: Buffer.from(shipment.action, 'hex'),
      blobs: [...inline],
      timeoutMs: COMPILE_TIMEOUT_MS,
      storedOnly,
      ignoreStored,
      client: options.client,
      worker: '',
    };
    const timeout = storedOnly ? CALL_TIMEOUT_MS : COMPILE_TIMEOUT_MS;
    return call<CompileRequest, CompileResponse>(service.compile, question, timeout, signal);
  };

  const noteKnown = (digests: Iterable<Digest>): void => {
    for (const digest of digests) if (!known.has(digest)) known.set(digest, 0);
  };

  const nextQuestion = (): number => {
    questions += 1;
    return questions;
  };

  /** Uploads what the grid lacked when that question was asked. */
  const bring = (shipment: Shipment, digests: readonly Buffer[], question: number): Promise<boolean> => {
    const lacking = digests.map((bytes) => bytes.toString('hex') as Digest);
    // Compiles that begin together lack the same headers: what another one has brought since the question is there.
    const wanted = lacking.filter((digest) => (known.get(digest) ?? 0) < question);
    for (const digest of wanted) known.delete(digest);
    return sending.send(wanted, shipment.files);
  };

  const converse = async (shipment: Shipment, asked: GridAsked): Promise<GridAnswer> => {
    let inline = asked.storedOnly ? [] : fewUnknown(shipment, known);
    for (let round = 0; round < ROUNDS; round++) {
      const question = nextQuestion();
      const { answer } = await ask(shipment, inline, asked);
      if (answer?.$case === 'result') {
        noteKnown(shipment.files.keys());
        return { kind: 'result', result: answer.value };
      }
      if (answer?.$case !== 'missing') return declined(answer?.value.reason ?? 'internal', answer?.value.detail);
      inline = [];
      noteKnown(shipment.files.keys());
      if (!(await bring(shipment, answer.value.digests, question))) return declined('upload-failed');
    }
    return declined('missing-blobs');
  };

  const asking = places({ service, metadata, client: options.client, heard: () => way.hear(), now: Date.now });
  const lines = workerLines({ metadata, tls, now: Date.now });
  const direct = directPath({
    places: asking,
    lines,
    client: options.client,
    timeoutMs: COMPILE_TIMEOUT_MS,
    isKnown: (digest) => known.has(digest),
    noteKnown,
    question: nextQuestion,
    bring,
    lost: (address, why) => options.log('a worker cannot be reached: through the coordinator', { address, why }),
  });

  const anyWay = async (shipment: Shipment, asked: GridAsked): Promise<GridAnswer> => {
    const answer = asked.isDirect && !asked.storedOnly ? await direct.compile(shipment, asked) : undefined;
    return answer ?? (asked.signal.aborted ? declined('cancelled') : converse(shipment, asked));
  };

  return {
    compiles: true,
    // It is asked for workers, too; whether it is there is found out on the way.
    isWorthAsking: () => true,
    async compile(shipment, asked) {
      if (!way.isGood()) return declined('unreachable');
      askCapacity();
      try {
        return await way.during((alive) => {
          const { signal, release } = eitherSignal(asked.signal, alive);
          return anyWay(shipment, { ...asked, signal }).finally(release);
        });
      } catch (error) {
        return asked.signal.aborted ? declined('cancelled') : trouble(error);
      }
    },
    fetch: (digest, size) =>
      way
        .during(async () => (await transfer())?.get(digest, size))
        .catch((error: unknown) => {
          trouble(error);
          return undefined;
        }),
    async report(action, result, contentOf) {
      if (!way.isGood()) return;
      const question = { action: Buffer.from(action, 'hex'), result, client: options.client };
      try {
        const { missing } = await call<typeof question, ReportResultResponse>(
          service.reportResult,
          question,
          CALL_TIMEOUT_MS,
        );
        if (missing.length === 0) return;
        const to = await transfer();
        for (const bytes of missing) {
          const digest = bytes.toString('hex') as Digest;
          const content = await contentOf(digest);
          if (to === undefined || content === undefined || !(await to.putBytes(digest, content))) return;
        }
        await call<typeof question, ReportResultResponse>(service.reportResult, question, CALL_TIMEOUT_MS);
      } catch (error) {
        trouble(error);
      }
    },
    async reportMismatch({ action, worker, output, delivered, plain, offset }) {
      const question = {
        action: Buffer.from(action, 'hex'),
        workerId: worker,
        output,
        delivered: Buffer.from(delivered, 'hex'),
        plain: Buffer.from(plain, 'hex'),
        offset: BigInt(offset),
        client: options.client,
      };
      try {
        const told = await call<typeof question, ReportMismatchResponse>(
          service.reportMismatch,
          question,
          CALL_TIMEOUT_MS,
        );
        options.log('the coordinator knows of a wrong result', { action, ...told });
      } catch (error) {
        // An older coordinator does not know the call, which says nothing of its compiles.
        options.log('a wrong result could not be reported', { action, error: String(error) });
      }
    },
    capacity: () => capacity,
    close() {
      asking.reset();
      lines.close();
      service.close();
      void blobs?.then((to) => to?.close());
    },
  };
}
