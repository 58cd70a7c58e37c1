/** Starts commands from a small C process and reads what each cost. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What one run cost. Times in milliseconds. */
export interface Cost {
  readonly wallMs: number;
  /** User and system time of the command and all it waited for. */
  readonly cpuMs: number;
  /** CPU time that the watched process (the agent) used meanwhile. */
  readonly watchedMs: number;
}

export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
}

export interface Runner {
  /** Runs the commands one after the other. A command that fails rejects, with what was printed last. */
  run(commands: readonly Command[]): Promise<Cost[]>;
  /** Watches the CPU time of a process; after each run waits until it has rested for `settleMs`. */
  watch(pid: number, settleMs: number): void;
  close(): void;
}

const words = (...all: readonly (string | number)[]): string => all.map((word) => `${word}\0`).join('');

/** Compiles the runner into `directory` and starts it. Every command gets the environment `env`. */
export function startRunner(directory: string, env: NodeJS.ProcessEnv): Runner {
  const program = join(directory, 'runner');
  const source = join(import.meta.dirname, 'runner.c');
  const built = spawnSync('gcc', ['-O2', '-static', '-Wall', '-o', program, source], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the runner could not be compiled: ${built.error?.message ?? built.stderr}`);
  // A group of its own: Ctrl-C is answered by us, which end it with all it started.
  const child = spawn(program, [], { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => {
    printed = (printed + chunk.toString()).slice(-4000);
  });
  const result = async ({ argv }: Command): Promise<Cost> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the runner ended at ${argv.join(' ')}:\n${printed}`);
    const [status, wall, cpu, watched] = (value as string).split(' ').map(Number) as [number, number, number, number];
    if (status !== 0) throw new Error(`status ${status}: ${argv.join(' ')}\n${printed}`);
    return { wallMs: wall / 1e6, cpuMs: cpu / 1e6, watchedMs: watched / 1e6 };
  };
  return {
    async run(commands) {
      child.stdin.write(commands.map(({ cwd, argv }) => words('run', cwd, argv.length, ...argv)).join(''));
      const costs: Cost[] = [];
      for (const command of commands) costs.push(await result(command));
      return costs;
    },
    watch: (pid, settleMs) => void child.stdin.write(words('watch', pid, 'settle', settleMs)),
    close() {
      if (child.pid === undefined || child.exitCode !== null) return;
      try {
        process.kill(-child.pid, 'SIGTERM');
      } catch {
        // Gone already.
      }
    },
  };
}
