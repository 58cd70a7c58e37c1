import { homedir } from 'node:os';
import { join } from 'node:path';
import { fromNative } from '../../base/byte-string.ts';
import { parseBytes } from '../../base/bytes.ts';
import {
  type CoordinatorOptions,
  CoordinatorRefused,
  type RunningCoordinator,
  serveCoordinator,
} from '../../coordinator/coordinator.ts';
import { daemonLog } from '../../observe/daemon-log.ts';
import { CliError } from '../exit-codes.ts';
import { BUILD_ID } from '../installation.ts';
import { printOut } from '../output.ts';
import { type Context, settingsOf } from '../settings-context.ts';
import { type DaemonFlag, daemonUsage, numberFlag, readDaemonFlags, textFlag } from './daemon-flags.ts';
import { untilSignalled } from './run-daemon.ts';
import { tokenOrNew } from './token.ts';

const FLAGS: readonly DaemonFlag[] = [
  { long: 'host', takes: 'ADDRESS', effect: 'listen there (127.0.0.1; 0.0.0.0 for the LAN)' },
  { long: 'grpc-port', takes: 'PORT', effect: 'for agents and workers (9000; 0: any)' },
  { long: 'http-port', takes: 'PORT', effect: 'for blobs, the status page and metrics (8080; 0: any)' },
  {
    long: 'token-file',
    takes: 'FILE',
    effect: 'the token of the grid, made if there is none (~/.config/hybridgrid/token)',
  },
  { long: 'data-dir', takes: 'DIR', effect: 'the shared cache (~/.local/share/hybridgrid/coordinator)' },
  { long: 'max-size', takes: 'SIZE', effect: 'of the shared cache (20GiB)' },
  { long: 'heartbeat', takes: 'MS', effect: 'how often workers are to say that they live (10000)' },
];
const HEARTBEAT_MS = 10_000;

/** `hg-coord serve`. */
export async function runCoordinator(context: Context, args: readonly string[]): Promise<number> {
  const flags = readDaemonFlags('hg-coord', args, FLAGS);
  if (flags === undefined) {
    printOut(daemonUsage('hg-coord', 'The coordinator of a grid: workers, queue and shared cache.', FLAGS));
    return args.length === 0 ? 2 : 0;
  }
  const { settings } = await settingsOf(context);
  const tokenFile = textFlag(flags, 'token-file') ?? settings['grid.token_file'];
  const { token, made } = tokenOrNew(tokenFile);
  const log = daemonLog(() => new Date());
  if (made) log('made a new token: copy the file to every worker and client', { file: tokenFile });
  const signal = untilSignalled();
  const serving = await started({
    host: textFlag(flags, 'host') ?? '127.0.0.1',
    grpcPort: numberFlag(flags, 'grpc-port', 9000, 0, 65_535),
    httpPort: numberFlag(flags, 'http-port', 8080, 0, 65_535),
    token,
    dataDir: fromNative(textFlag(flags, 'data-dir') ?? join(dataHome(context), 'hybridgrid/coordinator')),
    diskBytes: sizeFlag(textFlag(flags, 'max-size')),
    heartbeatMs: numberFlag(flags, 'heartbeat', HEARTBEAT_MS, 50, 600_000),
    version: BUILD_ID,
    log,
    signal,
  });
  printOut(`hg-coord serves: grpc ${serving.grpcPort}, http ${serving.httpPort}`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await serving.stop();
  return 0;
}

/** A coordinator that cannot serve says why and what to do. */
async function started(options: CoordinatorOptions): Promise<RunningCoordinator> {
  try {
    return await serveCoordinator(options);
  } catch (error) {
    if (error instanceof CoordinatorRefused) throw new CliError(error.message);
    throw error;
  }
}

function dataHome({ env }: Context): string {
  return env.XDG_DATA_HOME?.startsWith('/') === true ? env.XDG_DATA_HOME : join(homedir(), '.local/share');
}

function sizeFlag(text: string | undefined): number {
  const bytes = parseBytes(text ?? '20GiB');
  if (bytes === undefined || bytes === 0)
    throw new CliError(`--max-size needs a size such as 20GiB, "${text}" is none`);
  return bytes;
}
