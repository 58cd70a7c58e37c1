import { CredentialsUnreadable, readPem } from '../../config/grid-credentials.ts';
import type { Settings } from '../../config/settings.ts';
import { isLoopback } from '../../contract/access.ts';
import {
  type CoordinatorOptions,
  CoordinatorRefused,
  type RunningCoordinator,
  serveCoordinator,
  type TlsFiles,
} from '../../coordinator/coordinator.ts';
import { daemonLog } from '../../observe/daemon-log.ts';
import { CliError } from '../exit-codes.ts';
import { BUILD_ID } from '../installation.ts';
import { printOut } from '../output.ts';
import { type Context, settingsOf } from '../settings-context.ts';
import { type DaemonFlag, daemonUsage, readDaemonFlags, UNLIMITED } from './daemon-flags.ts';
import { untilSignalled } from './run-daemon.ts';
import { tokenOrNew } from './token.ts';

export const COORDINATOR_FLAGS: readonly DaemonFlag[] = [
  { long: 'host', takes: 'ADDRESS', sets: 'coordinator.host' },
  { long: 'grpc-port', takes: 'PORT', sets: 'coordinator.grpc_port' },
  { long: 'http-port', takes: 'PORT', sets: 'coordinator.http_port' },
  { long: 'token-file', takes: 'FILE', sets: 'grid.token_file' },
  { long: 'tls-cert', takes: 'FILE', sets: 'coordinator.tls_cert' },
  { long: 'tls-key', takes: 'FILE', sets: 'coordinator.tls_key' },
  { long: 'tls-client-ca', takes: 'FILE', sets: 'coordinator.tls_client_ca' },
  { long: 'insecure', sets: 'coordinator.insecure' },
  { long: 'data-dir', takes: 'DIR', sets: 'coordinator.data_dir' },
  { long: 'max-size', takes: 'SIZE', sets: 'coordinator.max_size' },
  { long: 'heartbeat', takes: 'TIME', sets: 'coordinator.heartbeat' },
];

/** `hg-coord serve`. */
export async function runCoordinator(context: Context, args: readonly string[]): Promise<number> {
  const flags = readDaemonFlags('hg-coord', args, COORDINATOR_FLAGS);
  if (flags === undefined) {
    printOut(daemonUsage('hg-coord', 'The coordinator of a grid: workers, queue and shared cache.', COORDINATOR_FLAGS));
    return args.length === 0 ? 2 : 0;
  }
  const { settings } = await settingsOf({ ...context, line: { ...context.line, flags } });
  const tls = tlsOf(settings);
  const host = settings['coordinator.host'];
  if (!isLoopback(host) && tls === undefined && !settings['coordinator.insecure'])
    throw new CliError(
      `listening on ${host} without TLS lets everybody on the way read sources, objects and the token: ` +
        'give --tls-cert and --tls-key, or --insecure on a network that you trust',
    );
  const { token, made } = tokenOrNew(settings['grid.token_file']);
  const log = daemonLog(() => new Date());
  if (made) log('made a new token: copy the file to every worker and client', { file: settings['grid.token_file'] });
  const signal = untilSignalled();
  const serving = await started({
    host,
    grpcPort: settings['coordinator.grpc_port'],
    httpPort: settings['coordinator.http_port'],
    token,
    tls,
    dataDir: settings['coordinator.data_dir'],
    diskBytes: Math.min(settings['coordinator.max_size'], UNLIMITED),
    heartbeatMs: Math.min(settings['coordinator.heartbeat'], HEARTBEAT_MS_MAX),
    version: BUILD_ID,
    log,
    signal,
  });
  printOut(`hg-coord serves: grpc ${serving.grpcPort}, http ${serving.httpPort}`);
  if (isLoopback(host))
    log('only this machine can reach it: --host 0.0.0.0 serves the LAN, with --tls-cert and --tls-key or --insecure');
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await serving.stop();
  return 0;
}

/** Of a timer in Node: 2^31 - 1 ms, three of them are waited for. */
const HEARTBEAT_MS_MAX = 600_000;

/** The certificates of the settings; undefined where none is set. */
function tlsOf(settings: Settings): TlsFiles | undefined {
  const [cert, key] = [settings['coordinator.tls_cert'], settings['coordinator.tls_key']];
  const clientCa = settings['coordinator.tls_client_ca'];
  if (cert === '' && key === '' && clientCa === '') return undefined;
  if (cert === '' || key === '') throw new CliError('TLS needs both: --tls-cert FILE and --tls-key FILE');
  try {
    const own = { cert: readPem(cert), key: readPem(key) };
    return clientCa === '' ? own : { ...own, clientCa: readPem(clientCa) };
  } catch (error) {
    if (error instanceof CredentialsUnreadable) throw new CliError(error.message);
    throw error;
  }
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
