/** Hybridgrid on the hosts of a bench: coordinator and workers as they are started by hand, a client with an empty cache. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HGBUILD } from '../../test/bed/environment.ts';
import { processNow } from '../../test/bed/processes.ts';
import { run, runOk } from '../../test/bed/run.ts';
import type { Builder, OpenBuilder, Place } from './builders.ts';
import { type Service, startService } from './processes.ts';

const BIN = join(import.meta.dirname, '../../bin');
const GRPC_PORT = 9000;

async function startCoordinator({ bed, helpers }: Place, directory: string, tokenFile: string): Promise<Service> {
  const [first] = helpers;
  if (first === undefined) throw new Error('a grid needs a host');
  const { stdout } = await runOk([join(BIN, 'hg-coord'), '--help'], { env: bed.env });
  const args = [
    `--host=${first.host.address}`,
    `--grpc-port=${GRPC_PORT}`,
    `--token-file=${tokenFile}`,
    `--data-dir=${join(directory, 'coordinator')}`,
    // The LAN of a bench ends in this machine. Its peers encrypt nothing either.
    ...(stdout.toString().includes('--insecure') ? ['--insecure'] : []),
  ];
  const service = startService([...first.host.on, join(BIN, 'hg-coord'), 'serve', ...args], bed.env);
  await service.says(/^hg-coord serves:/m);
  return service;
}

async function startWorkers({ bed, helpers }: Place, directory: string, tokenFile: string, into: Service[]) {
  const coordinator = `${helpers[0]?.host.address}:${GRPC_PORT}`;
  for (const [i, { host, slots }] of helpers.entries()) {
    const workDir = join(directory, `worker${i}`);
    mkdirSync(workDir);
    const args = [`--coordinator=${coordinator}`, `--slots=${slots}`, `--token-file=${tokenFile}`];
    const words = [...host.on, join(BIN, 'hg-worker'), 'serve', ...args, `--work-dir=${workDir}`, `--name=w${i}`];
    const service = startService(words, bed.env);
    into.push(service);
    await service.says(/attached/);
  }
}

interface Stats {
  readonly local: number;
  readonly hits: number;
  readonly refused: number;
  readonly remoteCompiles: number;
  readonly sharedHits: number;
}

async function open(place: Place, localSlots: number | undefined): Promise<OpenBuilder> {
  const { bed, client } = place;
  const directory = mkdtempSync(join(bed.root, 'grid-'));
  const tokenFile = join(directory, 'token');
  const services: Service[] = [];
  const env: NodeJS.ProcessEnv = {
    ...bed.env,
    HG_CACHE_DIR: join(directory, 'cache'),
    HG_COORDINATOR: `${place.helpers[0]?.host.address}:${GRPC_PORT}`,
    HG_TOKEN_FILE: tokenFile,
    ...(localSlots === undefined ? {} : { HG_LOCAL_SLOTS: String(localSlots) }),
  };
  const close = async (): Promise<void> => {
    await run([...client.on, HGBUILD, 'agent', 'stop'], { env });
    for (const service of services.reverse()) await service.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    services.push(await startCoordinator(place, directory, tokenFile));
    await startWorkers(place, directory, tokenFile, services);
  } catch (error) {
    await close();
    throw error;
  }
  /** CPU time since the start, by process: where the overhead is. */
  const cpuTimes = async (): Promise<string> => {
    const { stdout } = await runOk([...client.on, HGBUILD, 'agent', 'status', '--json'], { env });
    const { cpuMs } = JSON.parse(stdout.toString()) as { cpuMs: number };
    const daemons = services.map(({ pid }) => processNow(pid)?.cpuMs ?? 0);
    const [coordinator = 0, ...workers] = daemons.map((ms) => (ms / 1000).toFixed(1));
    return `; CPU: agent ${(cpuMs / 1000).toFixed(1)} s, coordinator ${coordinator} s, workers ${workers.join(' + ')} s`;
  };
  return {
    call: { before: [HGBUILD, '--quiet'], compilerPrefix: '', env },
    async proof(compiles) {
      const { stdout } = await runOk([...client.on, HGBUILD, 'stats', '--json'], { env });
      const {
        local,
        remoteCompiles: remote,
        sharedHits: shared,
        hits,
        refused,
      } = JSON.parse(stdout.toString()) as Stats;
      const said = `${remote} remote, ${shared} shared, ${local - remote} local, ${hits} hits, ${refused} refused${await cpuTimes()}`;
      if (localSlots === 0 && remote < compiles)
        throw new Error(`not all of ${compiles} compiles were remote: ${said}`);
      return said;
    },
    close,
  };
}

/** All compiles on the workers. */
export const oursRemote: Builder = {
  name: 'hgbuild, all remote',
  note: 'HG_LOCAL_SLOTS=0',
  lacking: () => undefined,
  open: (place) => open(place, 0),
};

/** As it comes: cores of the client first, then the grid. */
export const ours: Builder = {
  name: 'hgbuild',
  note: '',
  lacking: () => undefined,
  open: (place) => open(place, undefined),
};
