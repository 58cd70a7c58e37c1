/** A grid of real processes on loopback: one coordinator, some workers, each with directories of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from './environment.ts';
import { signalProcess, until } from './processes.ts';

const BIN = join(import.meta.dirname, '../../bin');

export interface Daemon {
  readonly pid: number;
  /** What it has printed on stderr so far. */
  log(): string;
  stdout(): string;
  /** Resolves with its exit status, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

export interface Grid {
  /** HOST:PORT for HG_COORDINATOR. */
  readonly address: string;
  readonly httpPort: number;
  readonly tokenFile: string;
  coordinator: Daemon;
  readonly workers: Daemon[];
  addWorker(slots: number): Promise<Daemon>;
  /** Starts the coordinator again on the same ports and data. */
  restartCoordinator(): Promise<void>;
  /** Variables that make a client use it. */
  env(localSlots: number): NodeJS.ProcessEnv;
  end(): Promise<void>;
}

function start(argv: readonly string[], env: NodeJS.ProcessEnv): Daemon {
  const child: ChildProcess = spawn(argv[0] as string, argv.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err = (err + chunk.toString()).slice(-200_000);
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code)),
  );
  return { pid: child.pid as number, log: () => err, stdout: () => out, ended };
}

export interface GridOptions {
  readonly workers: number;
  readonly slots?: number;
  /** More flags of the coordinator, and of every worker. */
  readonly coordinatorFlags?: readonly string[];
  readonly workerFlags?: readonly string[];
}

export async function startGrid(
  bed: Bed,
  { workers, slots = 1, coordinatorFlags = [], workerFlags = [] }: GridOptions,
): Promise<Grid> {
  const at = (name: string): string => join(bed.root, name);
  const tokenFile = at('token');
  let ports: readonly [number, number] = [0, 0];
  let made = 0;
  const serve = async (): Promise<Daemon> => {
    const [grpc, http] = ports;
    const daemon = start(
      [
        join(BIN, 'hg-coord'),
        'serve',
        `--grpc-port=${grpc}`,
        `--http-port=${http}`,
        `--token-file=${tokenFile}`,
        `--data-dir=${at('coordinator')}`,
        '--heartbeat=1s',
        ...coordinatorFlags,
      ],
      bed.env,
    );
    const ready = await until(() => /^hg-coord serves: grpc \d+, http \d+$/m.test(daemon.stdout()));
    if (!ready) throw new Error(`the coordinator does not serve:\n${daemon.log()}`);
    const [, one, other] = /grpc (\d+), http (\d+)/.exec(daemon.stdout()) ?? [];
    ports = [Number(one), Number(other)];
    return daemon;
  };
  const grid: Grid = {
    address: '',
    httpPort: 0,
    tokenFile,
    coordinator: await serve(),
    workers: [],
    async addWorker(count) {
      made += 1;
      const workDir = at(`worker${made}`);
      mkdirSync(workDir, { recursive: true });
      const daemon = start(
        [
          join(BIN, 'hg-worker'),
          'serve',
          `--coordinator=127.0.0.1:${ports[0]}`,
          `--slots=${count}`,
          `--token-file=${tokenFile}`,
          `--work-dir=${workDir}`,
          `--name=w${made}`,
          ...workerFlags,
        ],
        bed.env,
      );
      const attached = await until(() => /attached/.test(daemon.log()));
      if (!attached) throw new Error(`the worker does not attach:\n${daemon.log()}`);
      grid.workers.push(daemon);
      return daemon;
    },
    async restartCoordinator() {
      signalProcess(grid.coordinator.pid, 'SIGKILL');
      await grid.coordinator.ended;
      grid.coordinator = await serve();
    },
    env: (localSlots) => ({
      HG_COORDINATOR: `127.0.0.1:${ports[0]}`,
      HG_TOKEN_FILE: tokenFile,
      HG_LOCAL_SLOTS: String(localSlots),
    }),
    async end() {
      const daemons = [...grid.workers, grid.coordinator];
      for (const { pid } of daemons) signalProcess(pid, 'SIGCONT');
      for (const { pid } of daemons) signalProcess(pid, 'SIGTERM');
      const patience = setTimeout(() => {
        for (const { pid } of daemons) signalProcess(pid, 'SIGKILL');
      }, 5_000);
      await Promise.all(daemons.map(({ ended }) => ended));
      clearTimeout(patience);
    },
  };
  Object.assign(grid, { address: `127.0.0.1:${ports[0]}`, httpPort: ports[1] });
  for (let i = 0; i < workers; i += 1) await grid.addWorker(slots);
  return grid;
}

/** Whether the programs of a grid were built. */
export const gridIsBuilt = (): boolean => existsSync(join(BIN, '../build/hg-nsrun'));
