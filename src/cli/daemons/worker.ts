import { availableParallelism, hostname } from 'node:os';
import { forDisplay } from '../../base/byte-string.ts';
import { daemonLog } from '../../observe/daemon-log.ts';
import type { ListenRule } from '../../worker/direct-server.ts';
import { engineOf } from '../../worker/engine.ts';
import { serveWorker } from '../../worker/worker.ts';
import { CliError } from '../exit-codes.ts';
import { credentialsOf, hostAndPort } from '../grid-client.ts';
import { BUILD_ID, installationRoot } from '../installation.ts';
import { printOut } from '../output.ts';
import { type Context, settingsOf } from '../settings-context.ts';
import { type DaemonFlag, daemonUsage, readDaemonFlags, UNLIMITED } from './daemon-flags.ts';
import { untilSignalled } from './run-daemon.ts';

export const WORKER_FLAGS: readonly DaemonFlag[] = [
  { long: 'coordinator', takes: 'HOST:PORT', sets: 'grid.coordinator' },
  { long: 'slots', takes: 'N', sets: 'worker.slots' },
  { long: 'token-file', takes: 'FILE', sets: 'grid.token_file' },
  { long: 'tls-ca', takes: 'FILE', sets: 'grid.tls_ca' },
  { long: 'tls-cert', takes: 'FILE', sets: 'grid.tls_cert' },
  { long: 'tls-key', takes: 'FILE', sets: 'grid.tls_key' },
  { long: 'work-dir', takes: 'DIR', sets: 'worker.work_dir' },
  { long: 'max-size', takes: 'SIZE', sets: 'worker.max_size' },
  { long: 'name', takes: 'NAME', sets: 'worker.name' },
  { long: 'own-toolchains', sets: 'worker.own_toolchains' },
  { long: 'listen', takes: 'HOST:PORT', sets: 'worker.listen' },
  { long: 'insecure', sets: 'worker.insecure' },
];

/** `hg-worker serve`. */
export async function runWorker(context: Context, args: readonly string[]): Promise<number> {
  const flags = readDaemonFlags('hg-worker', args, WORKER_FLAGS);
  if (flags === undefined) {
    printOut(daemonUsage('hg-worker', 'A worker: lends its cores to the grid.', WORKER_FLAGS));
    return args.length === 0 ? 2 : 0;
  }
  const { settings } = await settingsOf({ ...context, line: { ...context.line, flags } });
  const address = settings['grid.coordinator'];
  if (address === '') throw new CliError('no coordinator is set: hg-worker serve --coordinator HOST:PORT');
  const { token, tls } = credentialsOf(settings);
  const slots = settings['worker.slots'];
  await serveWorker({
    coordinator: hostAndPort(address),
    token,
    tls,
    slots: slots === 'auto' ? availableParallelism() : slots,
    workDir: forDisplay(settings['worker.work_dir']),
    diskBytes: Math.min(settings['worker.max_size'], UNLIMITED),
    workerId: settings['worker.name'] === '' ? `${hostname()}-${process.pid}` : settings['worker.name'],
    version: BUILD_ID,
    listen: listenRule(settings['worker.listen']),
    insecure: settings['worker.insecure'],
    takesToolchains: !settings['worker.own_toolchains'],
    log: daemonLog(() => new Date()),
    signal: untilSignalled(),
    nsrun: `${installationRoot()}/build/hg-nsrun`,
    engine: engineOf(context.env.PATH ?? ''),
  });
  return 0;
}

function listenRule(setting: string): ListenRule {
  if (setting === 'auto' || setting === 'off') return { kind: setting };
  return { kind: 'at', ...hostAndPort(setting) };
}
