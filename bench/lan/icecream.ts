/** icecream on the hosts of a bench: a scheduler on the first helper, a daemon on every host. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, runOk } from '../../test/bed/run.ts';
import type { Builder, OpenBuilder, Place } from './builders.ts';
import { isInstalled } from './installed.ts';
import { type Service, startService } from './processes.ts';

const NETWORK = 'hgbench';
/** How long daemons take to find their scheduler at most; they look every few seconds. */
const LOGIN = /Connected to scheduler/;

/**
 * Of the daemon on one host; 0: the client. Without one of its own each daemon takes the place of the one before in
 * /run, as hosts share the file system, and compilers on the client would ask a helper's daemon.
 */
const socketOf = (directory: string, host: number): NodeJS.ProcessEnv => ({
  ICECC_TEST_SOCKET: join(directory, `daemon${host}`, 'socket'),
});

async function startDaemons(place: Place, directory: string, into: Service[]): Promise<void> {
  const { bed, client, helpers, localSlots } = place;
  const [first] = helpers;
  if (first === undefined) throw new Error('a grid needs a host');
  const scheduler = startService([...first.host.on, 'icecc-scheduler', '-n', NETWORK, '-vv'], bed.env);
  into.push(scheduler);
  const hosts = [{ host: client, slots: localSlots }, ...helpers];
  for (const [i, { host, slots }] of hosts.entries()) {
    const base = join(directory, `daemon${i}`);
    mkdirSync(base);
    spawnSync('chown', ['icecc', base]); // the user it changes to
    const args = ['-n', NETWORK, '-s', first.host.address, '-N', `host${i}`, '-b', base, '-m', String(slots), '-vv'];
    const words = [...host.on, 'iceccd', ...args, ...(slots === 0 ? ['--no-remote'] : [])];
    into.push(startService(words, { ...bed.env, ...socketOf(directory, i) }));
  }
  for (const service of into.slice(-hosts.length)) await service.says(LOGIN);
}

/**
 * A compiler is packed and sent with the first compile on each host: once a day, not with every build. By its name: redis
 * is built by `cc`, which is another compiler than `gcc` to it.
 */
async function sendCompilers({ client, helpers }: Place, directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  for (const language of ['c', 'c++']) {
    const source = join(directory, `warm.${language}`);
    writeFileSync(source, 'int warm(int x) { return x; }\n');
    const compile = [language === 'c' ? 'cc' : 'g++', '-c', source, '-o', join(directory, 'warm.o')];
    for (const [i] of helpers.entries())
      for (let times = 0; times < 3; times += 1)
        await runOk([...client.on, 'icecc', ...compile], { env: { ...env, ICECC_PREFERRED_HOST: `host${i + 1}` } });
  }
}

async function open(place: Place): Promise<OpenBuilder> {
  const { bed } = place;
  const directory = mkdtempSync(join(bed.root, 'icecc-'));
  for (const path of [bed.root, directory]) chmodSync(path, 0o755);
  const log = join(directory, 'client.log');
  const services: Service[] = [];
  const close = async (): Promise<void> => {
    for (const service of services.reverse()) await service.stop();
  };
  const env = { ...bed.env, ...socketOf(directory, 0), ICECC_DEBUG: 'debug', ICECC_LOGFILE: log };
  try {
    await startDaemons(place, directory, services);
    await sendCompilers(place, directory, env);
    await run(['rm', '-f', log]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    call: { before: [], compilerPrefix: 'icecc', env },
    async proof(compiles) {
      const text = existsSync(log) ? readFileSync(log, 'latin1') : '';
      const remote = text.match(/Have to use host (?!127\.0\.0\.1)/g)?.length ?? 0;
      const said = `${remote} remote of ${compiles}`;
      if (remote === 0)
        throw new Error(
          `icecream compiled nothing elsewhere: ${said}\n${services.map((each) => each.output().slice(-1500)).join('\n---\n')}`,
        );
      return said;
    },
    close,
  };
}

export const icecream: Builder = {
  name: 'icecream',
  note: 'the packed compiler was sent before',
  lacking: () => (isInstalled('icecc') && isInstalled('iceccd') ? undefined : 'icecc is not installed'),
  open,
};
