/** Runs a program to its end and keeps everything that could be compared. */
import { type SpawnOptions, spawn } from 'node:child_process';

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly wallMs: number;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Buffer;
  /** The run is killed after this time and then fails the test: nothing here may hang. */
  readonly timeoutMs?: number;
  readonly argv0?: string;
}

/** Runs `argv`; a program that cannot be started rejects. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [command = '', ...args] = argv;
  const { cwd, env, input, argv0, timeoutMs = 300_000 } = options;
  const spawnOptions: SpawnOptions = {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(argv0 === undefined ? {} : { argv0 }),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  };
  const began = performance.now();
  const child = spawn(command, args, spawnOptions);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  // A compiler that ends without reading its input breaks the pipe; its exit status tells the story.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no end after ${timeoutMs} ms: ${argv.join(' ')}\n${Buffer.concat(err).toString()}`));
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const wallMs = performance.now() - began;
      resolve({ status, signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err), wallMs });
    });
  });
}

/** Runs and insists on exit status 0. */
export async function runOk(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = await run(argv, options);
  if (ended.status === 0) return ended;
  const how = ended.signal ?? `status ${ended.status}`;
  throw new Error(
    `${argv.join(' ')}: ${how}\n${ended.stdout.toString().slice(-2000)}\n${ended.stderr.toString().slice(-4000)}`,
  );
}

/** Calls `work` for every item, at most `width` at a time, keeping the order of the answers. */
export async function inParallel<A, B>(
  items: readonly A[],
  width: number,
  work: (item: A) => Promise<B>,
): Promise<B[]> {
  const answers: B[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) answers[index] = await work(items[index] as A);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return answers;
}
