import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { EXIT } from '../exit-codes.ts';
import { installationRoot } from '../installation.ts';
import { printOut } from '../output.ts';
import type { Context } from '../settings-context.ts';

/** The user may have certificates for another grid. */
const NO_TLS = ['--tls-ca=none', '--tls-cert=none', '--tls-key=none'];

/** `hgbuild up [--workers N]`: a coordinator and workers on this machine, in the foreground, until Ctrl-C. */
export async function up(context: Context, workers: number): Promise<number> {
  const bin = `${installationRoot()}/bin`;
  const children: ChildProcess[] = [];
  const start = (argv: readonly string[]): ChildProcess => {
    const child = spawn(`${bin}/${argv[0]}`, argv.slice(1), { env: context.env, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };
  const endAll = (): void => {
    for (const child of children) child.kill('SIGTERM');
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, endAll);
  const coordinator = start([
    'hg-coord',
    'serve',
    '--host=127.0.0.1',
    '--tls-cert=none',
    '--tls-key=none',
    '--tls-client-ca=none',
  ]);
  const port = await servedPort(coordinator);
  if (port === undefined) return EXIT.negative;
  const slots = Math.max(1, Math.floor(availableParallelism() / Math.max(1, workers)));
  for (let i = 1; i <= workers; i += 1)
    start([
      'hg-worker',
      'serve',
      `--coordinator=127.0.0.1:${port}`,
      ...NO_TLS,
      `--slots=${slots}`,
      `--name=local-${i}`,
    ]);
  printOut(
    `the grid is up: HG_COORDINATOR=127.0.0.1:${port} hgbuild make -j$(HG_COORDINATOR=127.0.0.1:${port} hgbuild slots)`,
  );
  printOut('Ctrl-C ends it');
  await Promise.race(children.map(ended));
  endAll();
  await Promise.all(children.map(ended));
  return EXIT.ok;
}

/** The port in the coordinator's first line; undefined if it ended before it had one. */
function servedPort(coordinator: ChildProcess): Promise<number | undefined> {
  return new Promise((resolve) => {
    coordinator.once('close', () => resolve(undefined));
    if (coordinator.stdout === null) return;
    createInterface({ input: coordinator.stdout }).on('line', (line) => {
      const port = /^hg-coord serves: grpc (\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('close', () => resolve());
  });
}
