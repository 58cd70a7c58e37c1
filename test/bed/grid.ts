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
  /** In the order of their making; one that was started again is in its old place. */
  readonly workers: Daemon[];
  /** Where the coordinator keeps its cache. */
  readonly dataDir: string;
  addWorker(slots: number, place?: WorkerPlace): Promise<Daemon>;
  /** Kills a worker where it still runs and starts it again with the same name and directory. */
  restartWorker(index: number): Promise<void>;
  /** Kills the coordinator where it still runs and starts it again on the same ports and data. */
  restartCoordinator(): Promise<void>;
  /** Variables that make a client use it. */
  env(localSlots: number): NodeJS.ProcessEnv;
  end(): Promise<void>;
}

/** Where and how a worker is to run, unless it is as all others do. */
export interface WorkerPlace {
  /** Empty: whatever it calls itself. */
  readonly id?: string;
  readonly workDir?: string;
  /** HOST:PORT; for a worker that sees the coordinator another way. */
  readonly coordinator?: string;
  /** Words before the program: another namespace. */
  readonly prefix?: readonly string[];
}

export interface GridPlan {
  readonly workers: number;
  readonly slots?: number;
  readonly dataDir?: string;
  /** Where the coordinator listens; loopback where not given. */
  readonly host?: string;
  /** Words before every program of the grid: another namespace. */
  readonly prefix?: readonly string[];
  /** More flags of the coordinator, and of every worker. */
  readonly coordinatorFlags?: readonly string[];
  readonly workerFlags?: readonly string[];
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

export async function startGrid(bed: Bed, plan: GridPlan): Promise<Grid> {
  const { workers, slots = 1, host = '127.0.0.1', prefix = [], coordinatorFlags = [], workerFlags = [] } = plan;
  const at = (name: string): string => join(bed.root, name);
  const tokenFile = at('token');
  const dataDir = plan.dataDir ?? at('coordinator');
  let ports: readonly [number, number] = [0, 0];
  const serve = async (): Promise<Daemon> => {
    const [grpc, http] = ports;
    const words = [`--grpc-port=${grpc}`, `--http-port=${http}`, `--token-file=${tokenFile}`, `--data-dir=${dataDir}`];
    const argv = [join(BIN, 'hg-coord'), 'serve', `--host=${host}`, '--heartbeat=1s', ...words, ...coordinatorFlags];
    const daemon = start([...prefix, ...argv], bed.env);
    const ready = await until(() => /^hg-coord serves: grpc \d+, http \d+$/m.test(daemon.stdout()));
    if (!ready) throw new Error(`the coordinator does not serve:\n${daemon.log()}`);
    const [, one, other] = /grpc (\d+), http (\d+)/.exec(daemon.stdout()) ?? [];
    ports = [Number(one), Number(other)];
    return daemon;
  };
  const startWorker = async (argv: readonly string[]): Promise<Daemon> => {
    const daemon = start(argv, bed.env);
    const attached = await until(() => /attached/.test(daemon.log()));
    if (!attached) throw new Error(`the worker does not attach:\n${daemon.log()}`);
    return daemon;
  };
  const commands: (readonly string[])[] = [];
  const grid: Grid = {
    address: '',
    httpPort: 0,
    tokenFile,
    dataDir,
    coordinator: await serve(),
    workers: [],
    async addWorker(count, place = {}) {
      const name = `w${commands.length + 1}`;
      const workDir = place.workDir ?? at(`worker${commands.length + 1}`);
      mkdirSync(workDir, { recursive: true });
      const words = [`--slots=${count}`, `--token-file=${tokenFile}`, `--work-dir=${workDir}`];
      const id = place.id ?? name;
      const named = [
        `--coordinator=${place.coordinator ?? `${host}:${ports[0]}`}`,
        ...(id === '' ? [] : [`--name=${id}`]),
      ];
      const argv = [...(place.prefix ?? prefix), join(BIN, 'hg-worker'), 'serve', ...named, ...words, ...workerFlags];
      commands.push(argv);
      const daemon = await startWorker(argv);
      grid.workers.push(daemon);
      return daemon;
    },
    async restartWorker(index) {
      const worker = grid.workers[index];
      signalProcess(worker?.pid, 'SIGKILL');
      await worker?.ended;
      grid.workers[index] = await startWorker(commands[index] ?? []);
    },
    async restartCoordinator() {
      signalProcess(grid.coordinator.pid, 'SIGKILL');
      await grid.coordinator.ended;
      grid.coordinator = await serve();
    },
    env: (localSlots) => ({
      HG_COORDINATOR: `${host}:${ports[0]}`,
      HG_TOKEN_FILE: tokenFile,
      HG_LOCAL_SLOTS: String(localSlots),
    }),
    end: () => endAll([...grid.workers, grid.coordinator]),
  };
  Object.assign(grid, { address: `${host}:${ports[0]}`, httpPort: ports[1] });
  for (let i = 0; i < workers; i += 1) await grid.addWorker(slots);
  return grid;
}

async function endAll(daemons: readonly Daemon[]): Promise<void> {
  for (const { pid } of daemons) signalProcess(pid, 'SIGCONT');
  for (const { pid } of daemons) signalProcess(pid, 'SIGTERM');
  const patience = setTimeout(() => {
    for (const { pid } of daemons) signalProcess(pid, 'SIGKILL');
  }, 5_000);
  await Promise.all(daemons.map(({ ended }) => ended));
  clearTimeout(patience);
}

/** Whether the programs of a grid were built. */
export const gridIsBuilt = (): boolean => existsSync(join(BIN, '../build/hg-nsrun'));
