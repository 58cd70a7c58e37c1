import { availableParallelism, homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { parseBytes } from '../../base/bytes.ts';
import { daemonLog } from '../../observe/daemon-log.ts';
import { serveWorker } from '../../worker/worker.ts';
import { CliError } from '../exit-codes.ts';
import { readToken } from '../grid-client.ts';
import { BUILD_ID, installationRoot } from '../installation.ts';
import { printOut } from '../output.ts';
import { type Context, settingsOf } from '../settings-context.ts';
import { type DaemonFlag, daemonUsage, numberFlag, readDaemonFlags, textFlag } from './daemon-flags.ts';
import { untilSignalled } from './run-daemon.ts';

const FLAGS: readonly DaemonFlag[] = [
  { long: 'coordinator', takes: 'HOST:PORT', effect: 'attach to it (HG_COORDINATOR, grid.coordinator)' },
  { long: 'slots', takes: 'N', effect: 'compiles at once (one per processor)' },
  { long: 'token-file', takes: 'FILE', effect: "a copy of the coordinator's (~/.config/hybridgrid/token)" },
  { long: 'work-dir', takes: 'DIR', effect: 'blobs and files of clients (~/.cache/hybridgrid-worker)' },
  { long: 'max-size', takes: 'SIZE', effect: 'of the blobs kept (10GiB)' },
  { long: 'id', takes: 'NAME', effect: 'how it is called (the host name and a number)' },
];

/** `hg-worker serve`. */
export async function runWorker(context: Context, args: readonly string[]): Promise<number> {
  const flags = readDaemonFlags('hg-worker', args, FLAGS);
  if (flags === undefined) {
    printOut(daemonUsage('hg-worker', 'A worker: lends its cores to the grid.', FLAGS));
    return args.length === 0 ? 2 : 0;
  }
  const { settings } = await settingsOf(context);
  const address = textFlag(flags, 'coordinator') ?? settings['grid.coordinator'];
  const parts = /^(.+):(\d{1,5})$/.exec(address);
  if (parts === null) throw new CliError('no coordinator is set: hg-worker serve --coordinator HOST:PORT');
  const bytes = parseBytes(textFlag(flags, 'max-size') ?? '10GiB');
  if (bytes === undefined || bytes === 0) throw new CliError('--max-size needs a size such as 10GiB');
  const token = readToken(textFlag(flags, 'token-file') ?? settings['grid.token_file']);
  await serveWorker({
    coordinator: { host: (parts[1] ?? '').replace(/^\[(.*)\]$/, '$1'), port: Number(parts[2]) },
    token,
    slots: numberFlag(flags, 'slots', availableParallelism(), 0, 1024),
    workDir: textFlag(flags, 'work-dir') ?? join(cacheHome(context), 'hybridgrid-worker'),
    diskBytes: bytes,
    workerId: textFlag(flags, 'id') ?? `${hostname()}-${process.pid}`,
    version: BUILD_ID,
    log: daemonLog(() => new Date()),
    signal: untilSignalled(),
    nsrun: `${installationRoot()}/build/hg-nsrun`,
  });
  return 0;
}

function cacheHome({ env }: Context): string {
  return env.XDG_CACHE_HOME?.startsWith('/') === true ? env.XDG_CACHE_HOME : join(homedir(), '.cache');
}
