/** Long-running programs on the hosts of a bench, each ended by its own process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { signalProcess, until } from '../../test/bed/processes.ts';

export interface Service {
  readonly pid: number;
  /** What it has printed so far, both ways. */
  output(): string;
  /** Resolves when what it has printed matches; throws if it ends first or takes too long. */
  says(pattern: RegExp): Promise<void>;
  /** Ends it, politely first. */
  stop(): Promise<void>;
}

const PATIENCE_MS = 15_000;
const KEPT_OUTPUT = 400_000;

const running = new Set<Service>();
let isEnding = false;

/** Ends all that was started, the last first; from now on nothing more starts. */
export async function stopServices(): Promise<void> {
  isEnding = true;
  for (const service of [...running].reverse()) await service.stop();
}

export function startService(argv: readonly string[], env: NodeJS.ProcessEnv, cwd = '/'): Service {
  if (isEnding) throw new Error('the bench ends');
  // A group of its own: Ctrl-C is answered by the bench, which ends everything in order.
  const child: ChildProcess = spawn(argv[0] as string, argv.slice(1), {
    env,
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let over = false;
  const keep = (chunk: Buffer): void => {
    printed = (printed + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => {
    printed += String(error);
    over = true;
  });
  child.on('exit', () => {
    over = true;
  });
  const service: Service = {
    pid: child.pid ?? 0,
    output: () => printed,
    async says(pattern) {
      const said = await until(() => pattern.test(printed) || over, PATIENCE_MS);
      if (!said || !pattern.test(printed)) throw new Error(`${argv.join(' ')} does not start:\n${printed}`);
    },
    async stop() {
      if (over || child.pid === undefined) return;
      signalProcess(child.pid, 'SIGTERM');
      if (await until(() => over, 5_000)) return;
      signalProcess(child.pid, 'SIGKILL');
      await until(() => over);
    },
  };
  running.add(service);
  child.on('exit', () => running.delete(service));
  return service;
}
