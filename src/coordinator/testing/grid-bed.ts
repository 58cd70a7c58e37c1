/** A coordinator with small real clients that play agents and workers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type Digest, sha256 } from '../../base/digest.ts';
import { actionOf } from '../../contract/digests.ts';
import {
  BuildServiceClient,
  type CompileRequest,
  type CompileResponse,
  type CompileResult,
  type CompileSpec,
  type CoordinatorMessage,
  type OutputFile,
  type Task,
  type WorkerCapabilities,
  type WorkerMessage,
} from '../../contract/generated/hybridgrid/v1/build.ts';
import { type CoordinatorOptions, type RunningCoordinator, serveCoordinator } from '../coordinator.ts';

const LARGE = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

/** Resolves once the condition holds; fails after five seconds. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const patience = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > patience) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A coordinator on loopback with a directory of its own. */
export interface TestGrid {
  running: RunningCoordinator;
  readonly dataDir: string;
  readonly logged: { readonly message: string; readonly details: object | undefined }[];
  client(token?: string): TestClient;
  worker(id: string, more?: Partial<WorkerCapabilities>): Promise<TestWorker>;
  /** Stops the coordinator and starts another on the same ports and data. */
  restart(): Promise<void>;
  readonly url: string;
  end(): Promise<void>;
}

export async function startTestGrid(more: Partial<CoordinatorOptions> = {}): Promise<TestGrid> {
  const dataDir = more.dataDir ?? mkdtempSync(join(tmpdir(), 'hg-coord-'));
  const logged: { message: string; details: object | undefined }[] = [];
  const closing: (() => void)[] = [];
  const serve = (grpcPort: number, httpPort: number): Promise<RunningCoordinator> =>
    serveCoordinator({
      host: '127.0.0.1',
      grpcPort,
      httpPort,
      dataDir,
      diskBytes: 1 << 30,
      version: 'test',
      log: (message, details) => logged.push({ message, details }),
      ...more,
    });
  const grid: TestGrid = {
    running: await serve(0, 0),
    dataDir,
    logged,
    client(token = more.token) {
      const client = connect(grid.running.grpcPort, token);
      closing.push(client.close);
      return client;
    },
    async worker(id, capabilities = {}) {
      const client = grid.client();
      const worker = attach(client, { ...CAPABILITIES, workerId: id, hostname: id, ...capabilities });
      await until(() => worker.isWelcome || worker.ended !== undefined, `the welcome of ${id}`);
      return worker;
    },
    async restart() {
      const { grpcPort, httpPort } = grid.running;
      await grid.running.stop();
      grid.running = await serve(grpcPort, httpPort);
    },
    get url() {
      return `http://127.0.0.1:${grid.running.httpPort}`;
    },
    async end() {
      for (const close of closing) close();
      await grid.running.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return grid;
}

/** An agent's side of the wire. */
export interface TestClient {
  readonly service: BuildServiceClient;
  readonly metadata: Metadata;
  /** A unary call as a promise. */
  call<Q, R>(name: string, question: Q): Promise<R>;
  compile(spec: CompileSpec, more?: Partial<CompileRequest>): Promise<CompileResponse>;
  /** The same, with a way to hang up. */
  compiling(spec: CompileSpec, more?: Partial<CompileRequest>): { answer: Promise<CompileResponse>; cancel(): void };
  close(): void;
}

type Unary = (
  question: unknown,
  metadata: Metadata,
  done: (error: ServiceError | null, answer: unknown) => void,
) => { cancel(): void };

function connect(port: number, token: string | undefined): TestClient {
  const service = new BuildServiceClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    ...LARGE,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 100,
  });
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const start = <Q, R>(name: string, question: Q) => {
    let cancel = (): void => {};
    const answer = new Promise<R>((resolve, reject) => {
      const method = (service as unknown as Record<string, Unary>)[name] as Unary;
      const call = method.call(service, question, metadata, (error, found) => {
        if (error === null) resolve(found as R);
        else reject(error);
      });
      cancel = () => call.cancel();
    });
    return { answer, cancel: () => cancel() };
  };
  const compiling = (spec: CompileSpec, more: Partial<CompileRequest> = {}) =>
    start<CompileRequest, CompileResponse>('compile', requestFor(spec, more));
  return {
    service,
    metadata,
    call: <Q, R>(name: string, question: Q) => start<Q, R>(name, question).answer,
    compile: (spec, more) => compiling(spec, more).answer,
    compiling,
    close: () => service.close(),
  };
}

const bytes = (text: string): Buffer => Buffer.from(text);

/** The description of a compile of one source with the given content. */
export function specOf(source: string, more: Partial<CompileSpec> = {}): CompileSpec {
  const digest = Buffer.from(sha256(Buffer.from(source)), 'hex');
  const file = { digest, size: BigInt(Buffer.byteLength(source)), mtimeNs: 1n, executable: false };
  return {
    compiler: bytes('/usr/bin/gcc'),
    args: [bytes('-c'), bytes('a.c')],
    cwd: bytes('/w'),
    env: [],
    toolchain: { digest: Buffer.alloc(32, 1), parts: [] },
    inputs: [{ path: bytes('/w/a.c'), node: { $case: 'file', value: file } }],
    outputs: [{ role: 'object', path: bytes('a.o'), required: true }],
    listArgs: [],
    arch: 'x86_64',
    native: undefined,
    ...more,
  };
}

/** Contents as they travel inline. */
export const blobOf = (content: string | Buffer) => ({
  digest: Buffer.from(sha256(Buffer.from(content)), 'hex'),
  data: Buffer.from(content),
});

export function requestFor(spec: CompileSpec, more: Partial<CompileRequest> = {}): CompileRequest {
  return {
    taskId: '',
    spec,
    packedSpec: Buffer.alloc(0),
    action: Buffer.from(actionOf(spec), 'hex'),
    blobs: [],
    timeoutMs: 0,
    storedOnly: false,
    ignoreStored: false,
    client: 'client',
    worker: '',
    ...more,
  };
}

const CAPABILITIES: WorkerCapabilities = {
  workerId: '',
  hostname: '',
  cpuCores: 4,
  memoryBytes: 8n << 30n,
  diskBytes: 1n << 40n,
  arch: 'x86_64',
  os: 'linux',
  version: 'test',
  slots: 2,
  gpus: ['pci:8086:9a49'],
  toolchains: [],
  engine: '',
  isolation: 'namespaces',
  listens: '',
};

/** A worker's side of the wire: tasks pile up until the test answers them, or `onTask` does. */
export interface TestWorker {
  readonly stream: ClientDuplexStream<WorkerMessage, CoordinatorMessage>;
  readonly tasks: Task[];
  readonly cancelled: string[];
  isWelcome: boolean;
  httpPort: number;
  /** Tickets for it are made with this. */
  ticketKey: Buffer;
  /** Why its stream ended. */
  ended: ServiceError | 'ended' | undefined;
  onTask: ((task: Task) => void) | undefined;
  say(message: WorkerMessage['message']): void;
  finish(task: Task | undefined, result: CompileResult): void;
  /** `missing`: parts that it lacks. */
  decline(task: Task | undefined, reason: string, missing?: readonly Buffer[]): void;
  leave(): void;
}

function attach(client: TestClient, capabilities: WorkerCapabilities): TestWorker {
  const stream = client.service.attach(client.metadata);
  const worker: TestWorker = {
    stream,
    tasks: [],
    cancelled: [],
    isWelcome: false,
    httpPort: 0,
    ticketKey: Buffer.alloc(0),
    ended: undefined,
    onTask: undefined,
    say: (message) => void stream.write({ message }),
    finish: (task, value) =>
      worker.say({ $case: 'ended', value: { taskId: task?.taskId ?? '', outcome: { $case: 'result', value } } }),
    decline: (task, reason, missing = []) =>
      worker.say({
        $case: 'ended',
        value: {
          taskId: task?.taskId ?? '',
          outcome: { $case: 'declined', value: { reason, detail: '', missing: [...missing] } },
        },
      }),
    leave: () => stream.cancel(),
  };
  stream.on('data', ({ message }: CoordinatorMessage) => {
    if (message?.$case === 'welcome') {
      worker.isWelcome = true;
      worker.httpPort = message.value.httpPort;
      worker.ticketKey = message.value.ticketKey;
    } else if (message?.$case === 'cancel') worker.cancelled.push(message.value.taskId);
    else if (message?.$case === 'task') {
      worker.tasks.push(message.value);
      worker.onTask?.(message.value);
    }
  });
  stream.on('error', (error: ServiceError) => {
    worker.ended = error;
  });
  stream.on('end', () => {
    worker.ended ??= 'ended';
  });
  worker.say({ $case: 'hello', value: capabilities });
  return worker;
}

/** One output with its bytes. */
export function outputOf(content: string | Buffer, more: Partial<OutputFile> = {}): OutputFile {
  const data = Buffer.from(content);
  return {
    role: 'object',
    digest: Buffer.from(sha256(data), 'hex'),
    size: BigInt(data.length),
    data,
    present: true,
    packed: false,
    ...more,
  };
}

/** What a worker says of a compile that succeeded. */
export function resultWith(content: string | Buffer, more: Partial<CompileResult> = {}): CompileResult {
  return {
    exitCode: 0,
    stdout: Buffer.alloc(0),
    stderr: bytes('a warning\n'),
    outputs: [outputOf(content)],
    lists: [bytes('/w/a.c')],
    listsPacked: false,
    compileMs: 30,
    cpuMs: 20,
    queueMs: 0,
    workerId: '',
    fromCache: false,
    ...more,
  };
}

/** The result of an answer that has to be one. */
export function resultIn({ answer }: CompileResponse): CompileResult {
  if (answer?.$case !== 'result') throw new Error(`no result: ${JSON.stringify(answer)}`);
  return answer.value;
}

/** `missing: <n>`, `declined: <reason>`, or `result`. */
export function kindOf({ answer }: CompileResponse): string {
  if (answer?.$case === 'missing') return `missing ${answer.value.digests.length}`;
  return answer?.$case === 'declined' ? `declined ${answer.value.reason}` : 'result';
}

export const digestOfText = (text: string): Digest => sha256(Buffer.from(text));
