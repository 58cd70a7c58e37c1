/** Hybridgrid on the hosts of a bench: coordinator and workers as they are started by hand, a client with an empty cache. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { HGBUILD } from '../../test/bed/environment.ts';
import { layGenerated } from '../../test/bed/generated.ts';
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

interface How {
  readonly localSlots?: number;
  /** The daemons have built something else before, as daemons that run for weeks have. */
  readonly areWarm?: boolean;
}

/** Files of the project that warms daemons up: enough for a processor's worth of compiled code. */
const WARM_UP_FILES = 150;
/** After a build its results are offered to others; nothing of that may fall into what is measured. In milliseconds. */
const OFFERS_MS = 8_000;

/** Builds a project that shares nothing with what is measured but headers of libc. */
async function warmUp(client: Place['client'], directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  layGenerated(directory, WARM_UP_FILES);
  await runOk([...client.on, HGBUILD, '--quiet', 'make', '-s', '-j4'], { cwd: directory, env });
  await new Promise((resolve) => setTimeout(resolve, OFFERS_MS));
  await runOk([...client.on, HGBUILD, 'stats', '--zero'], { env });
}

async function open(place: Place, { localSlots, areWarm = false }: How = {}): Promise<OpenBuilder> {
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
  };
  try {
    services.push(await startCoordinator(place, directory, tokenFile));
    await startWorkers(place, directory, tokenFile, services);
    if (areWarm) await warmUp(client, join(directory, 'other'), env);
  } catch (error) {
    await close();
    throw error;
  }
  const agentCpuMs = async (): Promise<number> => {
    const { stdout } = await runOk([...client.on, HGBUILD, 'agent', 'status', '--json'], { env });
    return (JSON.parse(stdout.toString()) as { cpuMs: number }).cpuMs;
  };
  /** CPU time of agent, coordinator and workers since their start, in milliseconds. */
  const cpuTimes = async (): Promise<readonly number[]> => {
    return [await agentCpuMs(), ...services.map(({ pid }) => processNow(pid)?.cpuMs ?? 0)];
  };
  const before = areWarm ? await cpuTimes() : [];
  /** Where the overhead is. */
  const overhead = async (): Promise<string> => {
    const used = (await cpuTimes()).map((ms, i) => ((ms - (before[i] ?? 0)) / 1000).toFixed(1));
    const [agent, coordinator, ...workers] = used;
    return `; CPU: agent ${agent} s, coordinator ${coordinator} s, workers ${workers.join(' + ')} s`;
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
      const said = `${remote} remote, ${shared} shared, ${local - remote} local, ${hits} hits, ${refused} refused${await overhead()}`;
      if (localSlots === 0 && remote < compiles)
        throw new Error(`not all of ${compiles} compiles were remote: ${said}`);
      return said;
    },
    agentCpuMs,
    close,
  };
}

/** All compiles on the workers. */
export const oursRemote: Builder = {
  name: 'hgbuild, all remote',
  note: 'HG_LOCAL_SLOTS=0',
  lacking: () => undefined,
  open: (place) => open(place, { localSlots: 0 }),
};

/** As it comes: cores of the client first, then the grid. */
export const ours: Builder = {
  name: 'hgbuild',
  note: '',
  lacking: () => undefined,
  open: (place) => open(place),
};

/** The same, with daemons that were not started a second ago. */
export const oursWarm: Builder = {
  name: 'hgbuild, warm daemons',
  note: `its daemons have built ${WARM_UP_FILES} other files before`,
  lacking: () => undefined,
  open: (place) => open(place, { areWarm: true }),
};
