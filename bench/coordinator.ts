/**
 * No-op compiles per second through a whole coordinator: `node bench/coordinator.ts [WORKERS] [SLOTS]` (64 of 8). The
 * coordinator is a process of its own; this one plays clients and workers on the real protocol, whose compiles take no
 * time. Every compile is another one (a miss), then all are asked for again (a hit). Prints the coordinator's CPU time for
 * each, and its memory.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { sha256 } from '../src/base/digest.ts';
import { actionOf } from '../src/contract/digests.ts';
import {
  BuildServiceClient,
  type CompileRequest,
  type CompileResponse,
  type CompileSpec,
  type CoordinatorMessage,
  type InputNode,
} from '../src/contract/generated/hybridgrid/v1/build.ts';
import { serveCoordinator } from '../src/coordinator/coordinator.ts';

const [WORKERS = 64, SLOTS = 8] = process.argv[2] === 'serve' ? [] : process.argv.slice(2).map(Number);
/** As many compiles are in flight as there are slots: `make -j512` of one team. */
const CALLS_AT_ONCE = WORKERS * SLOTS;
const COMPILES = 3000;

async function serve(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'hg-bench-'));
  const running = await serveCoordinator({
    host: '127.0.0.1',
    grpcPort: 0,
    httpPort: 0,
    dataDir,
    diskBytes: 1 << 30,
    version: 'bench',
    log: () => {},
  });
  process.send?.(running.grpcPort);
  process.on('message', () => process.send?.({ ...process.cpuUsage(), memoryBytes: process.memoryUsage.rss() }));
  process.on('disconnect', () => {
    rmSync(dataDir, { recursive: true, force: true });
    void running.stop();
  });
}

function client(port: number): BuildServiceClient {
  return new BuildServiceClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
}

function startWorker(port: number, id: number): BuildServiceClient {
  const service = client(port);
  const stream = service.attach();
  const none = Buffer.alloc(0);
  stream.write({
    message: {
      $case: 'hello',
      value: {
        workerId: `w${id}`,
        hostname: '',
        cpuCores: SLOTS,
        memoryBytes: 1n << 34n,
        diskBytes: 0n,
        arch: 'x86_64',
        os: 'linux',
        version: '',
        slots: SLOTS,
        gpus: [],
        toolchains: [],
        engine: '',
        isolation: 'namespaces',
        listens: '',
      },
    },
  }); // prettier-ignore
  stream.on('error', () => {});
  stream.on('data', ({ message }: CoordinatorMessage) => {
    if (message?.$case !== 'task') return;
    const data = Buffer.from(`object of ${message.value.taskId} `.repeat(100));
    const output = {
      role: 'object',
      digest: Buffer.from(sha256(data), 'hex'),
      size: BigInt(data.length),
      data,
      present: true,
      packed: false,
    };
    const value = {
      exitCode: 0,
      stdout: none,
      stderr: none,
      outputs: [output],
      lists: [],
      listsPacked: false,
      compileMs: 1,
      cpuMs: 1,
      queueMs: 0,
      workerId: '',
      fromCache: false,
    }; // prettier-ignore
    stream.write({
      message: { $case: 'ended', value: { taskId: message.value.taskId, outcome: { $case: 'result', value } } },
    });
  });
  return service;
}

/** Resolves when every worker is known to the coordinator. */
async function allAttached(service: BuildServiceClient): Promise<void> {
  for (let known = 0; known < WORKERS; ) {
    known = await new Promise<number>((resolve, reject) => {
      service.getWorkersForBuild({ toolchains: [] }, (error, answer) => {
        if (error === null) resolve(answer.workers);
        else reject(error);
      });
    });
  }
}

const bytes = (text: string): Buffer => Buffer.from(text);
const HEADERS = Array.from({ length: 450 }, (_, i) => `/usr/include/c++/12/a/path/to/header_${i}.h`);

/** All inputs have one of a few contents: what is measured is the coordinator, not the upload. */
function requestOf(number: number, inputs: number): CompileRequest {
  const nodes = HEADERS.slice(0, inputs).map((path): InputNode => {
    const digest = Buffer.from(sha256(bytes(path)), 'hex');
    return {
      path: bytes(path),
      node: { $case: 'file', value: { digest, size: BigInt(path.length), mtimeNs: 1n, executable: false } },
    };
  });
  const spec: CompileSpec = {
    compiler: bytes('/usr/bin/g++'),
    args: ['-O2', '-g', '-c', `a${number}.cc`, '-o', `a${number}.o`].map(bytes),
    cwd: bytes(`/work/${inputs}`),
    env: [],
    toolchain: { digest: Buffer.alloc(32, 1), parts: [] },
    inputs: nodes,
    outputs: [{ role: 'object', path: bytes(`a${number}.o`), required: true }],
    listArgs: [],
    arch: 'x86_64',
    native: undefined,
  };
  return {
    taskId: '',
    spec,
    packedSpec: Buffer.alloc(0),
    action: Buffer.from(actionOf(spec), 'hex'),
    blobs: [],
    timeoutMs: 0,
    storedOnly: false,
    ignoreStored: false,
    client: `c${number % 8}`,
    worker: '',
  };
}

function ask(service: BuildServiceClient, request: CompileRequest): Promise<CompileResponse> {
  return new Promise((resolve, reject) => {
    service.compile(request, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}

async function round(services: readonly BuildServiceClient[], requests: readonly CompileRequest[]): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: CALLS_AT_ONCE }, async (_, i) => {
      while (next < requests.length) {
        const request = requests[next] as CompileRequest;
        next += 1;
        const { answer } = await ask(services[i % services.length] as BuildServiceClient, request);
        if (answer?.$case !== 'result') throw new Error(`no result: ${JSON.stringify(answer)}`);
      }
    }),
  );
  return (performance.now() - started) / 1000;
}

async function play(): Promise<void> {
  const coordinator = fork(import.meta.filename, ['serve']);
  const told = (): Promise<unknown> => new Promise((resolve) => coordinator.once('message', resolve));
  const port = (await told()) as number;
  const usage = async (): Promise<{ readonly cpuMs: number; readonly mib: number }> => {
    const answer = told();
    coordinator.send('usage');
    const { user, system, memoryBytes } = (await answer) as NodeJS.CpuUsage & { memoryBytes: number };
    return { cpuMs: (user + system) / 1000, mib: Math.round(memoryBytes / (1 << 20)) };
  };
  const workers = Array.from({ length: WORKERS }, (_, i) => startWorker(port, i));
  const services = Array.from({ length: 4 }, () => client(port));
  await allAttached(services[0] as BuildServiceClient);
  const { mib } = await usage();
  console.log(`${WORKERS} workers of ${SLOTS} slots, ${CALLS_AT_ONCE} compiles in flight; idle: ${mib} MiB`);
  for (const inputs of [1, 450]) {
    const first = requestOf(0, inputs);
    const blobs = HEADERS.slice(0, inputs).map((path) => ({
      digest: Buffer.from(sha256(bytes(path)), 'hex'),
      data: bytes(path),
    }));
    await ask(services[0] as BuildServiceClient, { ...first, blobs });
    const requests = Array.from({ length: COMPILES }, (_, i) => requestOf(i + 1, inputs));
    for (const what of ['miss', 'hit']) {
      const before = await usage();
      const seconds = await round(services, requests);
      const after = await usage();
      const cpu = ((after.cpuMs - before.cpuMs) / COMPILES).toFixed(2);
      const rate = Math.round(COMPILES / seconds);
      console.log(`${what}, ${inputs} inputs: ${rate} compiles/s, coordinator: ${cpu} ms CPU each, ${after.mib} MiB`);
    }
  }
  for (const service of [...workers, ...services]) service.close();
  coordinator.disconnect();
}

await (process.argv[2] === 'serve' ? serve() : play());
