/** distcc on the hosts of a bench: plain, which preprocesses at home, and pump, which sends sources and headers. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../test/bed/run.ts';
import type { Builder, OpenBuilder, Place } from './builders.ts';
import { isInstalled } from './installed.ts';
import { type Service, startService } from './processes.ts';
import { type IncludeServer, pumpLacks, startIncludeServer } from './pump.ts';

const PORT = 3632;

const TRIES = 200;

/** Looks for its port among the host's listening ones; a call of ours would be an error in its log. */
async function untilItListens(on: readonly string[]): Promise<void> {
  const listening = `:${PORT.toString(16).toUpperCase().padStart(4, '0')} [^ ]* 0A`;
  const look = `n=0; until grep -q '${listening}' /proc/net/tcp || [ $((n += 1)) -gt ${TRIES} ]; do sleep 0.05; done`;
  await run([...on, 'sh', '-c', look]);
}

async function startServers({ bed, client, helpers }: Place, directory: string, into: Service[]): Promise<void> {
  for (const [i, { host, slots }] of helpers.entries()) {
    const tmp = join(directory, `server${i}`);
    mkdirSync(tmp);
    chmodSync(tmp, 0o777); // it changes to a user of its own
    const args = ['--daemon', '--no-detach', '--log-stderr', '--log-level=info', `--listen=${host.address}`];
    const limits = [`--allow=${client.address}`, `--jobs=${slots}`, `--port=${PORT}`];
    into.push(startService([...host.on, 'distccd', ...args, ...limits], { ...bed.env, TMPDIR: tmp }));
  }
  // It prints nothing once it listens.
  for (const { host } of helpers) await untilItListens(host.on);
  for (const service of into) if (/failed|error/i.test(service.output())) throw new Error(service.output());
}

/** What the client's log says: which compiles went away, and which were preprocessed at home. */
function countsOf(log: string): { readonly remote: number; readonly pumped: number; readonly local: number } {
  const text = existsSync(log) ? readFileSync(log, 'latin1') : '';
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
  return {
    remote: count(/compile .* on \S+ completed ok/g) - count(/compile .* on localhost completed ok/g),
    pumped: count(/\bexec on \S+,cpp/g) - count(/preprocessing locally$/gm),
    local: count(/compile .* on localhost completed ok/g),
  };
}

async function open(place: Place, pump: boolean): Promise<OpenBuilder> {
  const { bed, client, helpers, localSlots } = place;
  const directory = mkdtempSync(join(bed.root, 'distcc-'));
  chmodSync(directory, 0o755);
  chmodSync(bed.root, 0o755); // the server's user has to come in
  const log = join(directory, 'client.log');
  const services: Service[] = [];
  let includes: IncludeServer | undefined;
  const remote = helpers.map(({ host, slots }) => `${host.address}:${PORT}/${slots}${pump ? ',lzo,cpp' : ',lzo'}`);
  const env: NodeJS.ProcessEnv = {
    ...bed.env,
    DISTCC_DIR: directory,
    DISTCC_HOSTS: [...(localSlots > 0 ? [`localhost/${localSlots}`] : []), ...remote].join(' '),
    DISTCC_LOG: log,
    DISTCC_VERBOSE: '1',
    // Without it a failing server makes a build at home that looks like one elsewhere.
    DISTCC_FALLBACK: '0',
  };
  const close = async (): Promise<void> => {
    await includes?.stop();
    for (const service of services.reverse()) await service.stop();
  };
  try {
    await startServers(place, directory, services);
    if (pump) includes = await startIncludeServer(client, directory, env);
    if (includes !== undefined) env.INCLUDE_SERVER_PORT = includes.socket;
  } catch (error) {
    await close();
    throw error;
  }
  return {
    call: { before: [], compilerPrefix: 'distcc', env },
    async proof(compiles) {
      const { remote, pumped, local } = countsOf(log);
      const said = `${remote} remote, ${local} local${pump ? `, ${pumped} pumped` : ''}`;
      if (remote + local < compiles) throw new Error(`distcc: ${compiles} compiles, but ${said}`);
      if (pump && pumped < remote) throw new Error(`pump did not pump: ${said}`);
      return said;
    },
    close,
  };
}

const lacking = (): string | undefined =>
  isInstalled('distcc') && isInstalled('distccd') ? undefined : 'distcc is not installed';

export const distcc: Builder = { name: 'distcc', note: 'lzo', lacking, open: (place) => open(place, false) };

export const distccPump: Builder = {
  name: 'distcc-pump',
  note: "lzo; include server with Python stand-ins for its native helpers, which Debian 12's build breaks",
  lacking: () => lacking() ?? pumpLacks(),
  open: (place) => open(place, true),
};
