/** Builds by one builder after the other in the same place, with what each cost. */
import { spawn } from 'node:child_process';
import type { Tree } from '../../test/bed/tree.ts';
import type { Builder, OpenBuilder, Place } from './builders.ts';
import type { Project } from './projects.ts';

export interface Measured {
  readonly wallMs: number;
  /** Bytes that the client sent and received, headers included. */
  readonly sent: number;
  readonly received: number;
  /** CPU time that all processes of the client used, and those of the helpers together. */
  readonly clientCpuMs: number;
  readonly helperCpuMs: number;
  /** All of the tree, made by this build or before it. */
  readonly objects: Tree;
  /** How many were made by this build. */
  readonly compiles: number;
  /** What the builder's own records say. */
  readonly proof: string;
}

let running: ReturnType<typeof spawn> | undefined;

/** Ends the build that runs, with all it started. */
export function stopBuilding(signal: NodeJS.Signals = 'SIGTERM'): void {
  if (running?.pid === undefined || running.exitCode !== null) return;
  try {
    process.kill(-running.pid, signal);
  } catch {
    // Gone already.
  }
}

/** No build of a bench takes a quarter of this. */
const PATIENCE_MS = 15 * 60_000;

/** Runs a build to its end; one that fails or takes too long rejects, with what it printed last. */
export function runBuild(argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(argv[0] as string, argv.slice(1), {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running = child;
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000);
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stopBuilding('SIGKILL');
      reject(new Error(`a build has not ended after ${PATIENCE_MS / 60_000} minutes: ${argv.join(' ')}\n${said}`));
    }, PATIENCE_MS);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve();
      else reject(new Error(`a build ended with ${signal ?? `status ${status}`}: ${argv.join(' ')}\n${said}`));
    });
  });
}

/**
 * One build of the tree as it is now. `jobs`: compiles that make starts at once; `before`: what the same builder has
 * compiled since it was opened.
 */
export async function measureBuild(
  open: OpenBuilder,
  project: Project,
  { place, jobs }: { readonly place: Place; readonly jobs: number },
  before = 0,
): Promise<Measured> {
  const had = project.objects().size;
  const helperCpu = (): number => place.helpers.reduce((total, { host }) => total + host.cpuMs(), 0);
  const traffic = place.client.traffic();
  const cpu = { client: place.client.cpuMs(), helper: helperCpu() };
  const began = performance.now();
  const words = [...place.client.on, ...open.call.before, ...project.make(open.call, jobs)];
  await runBuild(words, project.directory, open.call.env);
  const wallMs = performance.now() - began;
  const { sent, received } = place.client.traffic();
  const used = { clientCpuMs: place.client.cpuMs() - cpu.client, helperCpuMs: helperCpu() - cpu.helper };
  const objects = project.objects();
  const compiles = objects.size - had;
  const proof = await open.proof(before + compiles);
  const bytes = { sent: sent - traffic.sent, received: received - traffic.received };
  return { wallMs, ...bytes, ...used, objects, compiles, proof };
}

/** Opens the builder cold, lets `work` build with it, and closes it whatever happens. */
export async function withBuilder<T>(
  builder: Builder,
  place: Place,
  work: (open: OpenBuilder) => Promise<T>,
): Promise<T> {
  const open = await builder.open(place);
  closing = () => open.close();
  try {
    return await work(open);
  } finally {
    closing = undefined;
    await open.close();
  }
}

let closing: (() => Promise<void>) | undefined;

/** After Ctrl-C: ends what the builder in use has started. */
export async function closeBuilder(): Promise<void> {
  stopBuilding();
  await closing?.();
}

/** How many objects are byte for byte those of `expected`. */
export function sameObjects(expected: Tree, found: Tree): readonly [number, number] {
  const paths = [...expected.keys()];
  return [paths.filter((path) => expected.get(path) === found.get(path)).length, paths.length];
}
