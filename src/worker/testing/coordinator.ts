/** The coordinator's side of a worker's stream, over real gRPC, and specs of real compiles. */
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { toBytes } from '../../base/byte-string.ts';
import { sha256 } from '../../base/digest.ts';
import {
  BuildServiceService,
  type CompileSpec,
  type CoordinatorMessage,
  type InputNode,
  type TaskEnded,
  type WorkerMessage,
} from '../../contract/generated/hybridgrid/v1/build.ts';
import { addPath, compileInputs, compilerParts, type Nodes } from './bed.ts';
import type { BlobHost } from './blobs.ts';

/** With which this coordinator makes tickets. */
export const TICKET_KEY = Buffer.alloc(32, 7);

type Stream = ServerDuplexStream<WorkerMessage, CoordinatorMessage>;

export interface TestCoordinator {
  readonly port: number;
  /** Everything that workers said, in order. */
  readonly heard: WorkerMessage['message'][];
  /** Streams that were opened, the last one being the worker's now. */
  readonly streams: Stream[];
  /** Waits for something that was or will be said. */
  hears<T>(what: (message: WorkerMessage['message']) => T | undefined): Promise<T>;
  hello(): Promise<Extract<WorkerMessage['message'], { $case: 'hello' }>['value']>;
  /** Sends a task and waits for its end. */
  run(taskId: string, spec: CompileSpec, client?: string, timeoutMs?: number): Promise<TaskEnded['outcome']>;
  say(message: CoordinatorMessage['message']): void;
  /** As a crash would: connections end without a word. */
  kill(): void;
}

export interface CoordinatorOptions {
  readonly blobs: BlobHost;
  readonly token?: string;
  /** The same port as before, for a restart. */
  readonly port?: number;
  readonly heartbeatMs?: number;
  readonly tls?: { cert: Buffer; key: Buffer };
}

export async function testCoordinator(options: CoordinatorOptions): Promise<TestCoordinator> {
  const { blobs, token, tls, heartbeatMs = 60_000 } = options;
  const heard: WorkerMessage['message'][] = [];
  const streams: Stream[] = [];
  const waiting = new Set<() => void>();
  const server = new Server();
  const welcome = { heartbeatMs, httpPort: blobs.port, ticketKey: TICKET_KEY, unixMs: BigInt(Date.now()) };
  const attach = (stream: Stream): void => {
    stream.on('error', () => {});
    if (token !== undefined && stream.metadata.get('authorization')[0] !== `Bearer ${token}`) {
      stream.emit('error', { code: status.UNAUTHENTICATED, details: 'no token' });
      return;
    }
    streams.push(stream);
    stream.on('data', ({ message }: WorkerMessage) => {
      heard.push(message);
      if (message?.$case === 'hello') stream.write({ message: { $case: 'welcome', value: welcome } });
      for (const look of waiting) look();
    });
    stream.on('end', () => stream.end());
  };
  const notHere = (): void => {};
  const others = Object.fromEntries(Object.keys(BuildServiceService).map((name) => [name, notHere]));
  server.addService(BuildServiceService, { ...others, attach } as never);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentialsOf(tls), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const hears: TestCoordinator['hears'] = (what) =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = heard.map(what).find((each) => each !== undefined);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  const say = (message: CoordinatorMessage['message']): void => void streams.at(-1)?.write({ message });
  return {
    port,
    heard,
    streams,
    hears,
    hello: () => hears((message) => (message?.$case === 'hello' ? message.value : undefined)),
    run(taskId, spec, client = 'me', timeoutMs = 60_000) {
      say({ $case: 'task', value: { taskId, spec, timeoutMs, client } });
      return hears((m) => (m?.$case === 'ended' && m.value.taskId === taskId ? m.value.outcome : undefined));
    },
    say,
    kill: () => server.forceShutdown(),
  };
}

function credentialsOf(tls: CoordinatorOptions['tls']): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.cert }]);
}

function nodesOf(nodes: Nodes, blobs: BlobHost | undefined, executable: boolean): InputNode[] {
  const files = [...nodes.files].map(([path, source]): InputNode => {
    const bytes = readFileSync(source);
    blobs?.put(bytes);
    const digest = Buffer.from(sha256(bytes), 'hex');
    const value = { digest, size: BigInt(bytes.length), mtimeNs: 0n, executable };
    return { path: toBytes(path), node: { $case: 'file', value } };
  });
  const links = [...nodes.links].map(
    ([path, target]): InputNode => ({ path: toBytes(path), node: { $case: 'linkTarget', value: toBytes(target) } }),
  );
  return [...files, ...links];
}

/** A compile as a client sends it, `-c SOURCE -o OBJECT` beside `args`; its inputs are put on the coordinator. */
export function realSpec(
  compiler: string,
  args: readonly string[],
  source: string,
  cwd: string,
  blobs: BlobHost,
): CompileSpec {
  const inputs = compileInputs(compiler, [...args, source], cwd);
  const directories = [...new Set(inputs.directories)].map(
    (path): InputNode => ({ path: toBytes(realpathSync(path)), node: { $case: 'directory', value: true } }),
  );
  const object = source.replace(/\.\w+$/, '.o');
  return {
    compiler: toBytes(compiler),
    args: [...args, '-c', source, '-o', object].map(toBytes),
    cwd: toBytes(cwd),
    env: [{ name: toBytes('PATH'), value: toBytes('/usr/bin:/bin') }],
    toolchain: {
      digest: Buffer.alloc(32),
      parts: nodesOf(compilerParts(compiler.replace(/.*\//, '')), undefined, true),
    },
    inputs: [...nodesOf(inputs, blobs, false), ...directories],
    outputs: [{ role: 'object', path: toBytes(object), required: true }],
    listArgs: [],
    arch: process.arch === 'x64' ? 'x86_64' : 'aarch64',
    native: undefined,
  };
}

/** Where a compile sees a compiler of the test's own. Nobody else has a program of this name. */
export const OWN_COMPILER = `/opt/own-${process.pid}/gcc`;

/** A compile by a program that lies on the coordinator only. */
export function shippedSpec(program: string, source: string, cwd: string, blobs: BlobHost | undefined): CompileSpec {
  const inputs: Nodes = { files: new Map(), links: new Map() };
  addPath(inputs, join(cwd, source));
  const parts: Nodes = { files: new Map([[OWN_COMPILER, program]]), links: new Map() };
  return {
    compiler: toBytes(OWN_COMPILER),
    args: ['-c', source].map(toBytes),
    cwd: toBytes(cwd),
    env: [],
    toolchain: { digest: Buffer.alloc(32), parts: nodesOf(parts, blobs, true) },
    inputs: nodesOf(inputs, blobs, false),
    outputs: [{ role: 'object', path: toBytes(source.replace(/\.\w+$/, '.o')), required: true }],
    listArgs: [],
    arch: process.arch === 'x64' ? 'x86_64' : 'aarch64',
    native: undefined,
  };
}
