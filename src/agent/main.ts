import { randomBytes } from 'node:crypto';
import { availableParallelism, cpus } from 'node:os';
import { fromNative } from '../base/byte-string.ts';
import { janitor } from '../cache/janitor.ts';
import { cacheLayout, makeDirectory } from '../cas/layout.ts';
import { resolveSettings } from '../config/resolve.ts';
import { openLog } from '../observe/log.ts';
import { caches } from './caches.ts';
import type { AgentStatus, ControlReply, ControlRequest } from './control.ts';
import { nativeArch } from './describe.ts';
import { type Engine, type EngineServices, engine } from './engine.ts';
import { explain } from './explain.ts';
import { fileStates } from './file-state.ts';
import { grids } from './grid/grids.ts';
import { type LocalRoom, localRoom } from './grid/local-room.ts';
import { type LocalSlots, localSlots } from './grid/local-slots.ts';
import { lookupGate } from './grid/lookup-gate.ts';
import { machineLoad } from './grid/machine-load.ts';
import { nativeCpus } from './grid/native-cpu.ts';
import { shareQueue } from './grid/share-queue.ts';
import { sharedSight } from './grid/shared-sight.ts';
import { slotsFile } from './grid/slots-file.ts';
import { uploadQueue } from './grid/upload-queue.ts';
import { wayHome } from './grid/way-home.ts';
import { madeHeaders } from './made-headers.ts';
import { pathHistory } from './path-history.ts';
import { preparedAnswers } from './prepared-answers.ts';
import { readConfigFile, requestSettings } from './request-settings.ts';
import { searchLists } from './search-lists.ts';
import { type AgentServer, listen } from './server.ts';
import { sessions } from './sessions.ts';
import { storeQueue } from './store-queue.ts';
import { toolchains } from './toolchain.ts';
import { verifications, wrongResults } from './verify.ts';

export interface ServeOptions {
  /** Path of the Unix socket, as the launcher computed it. */
  readonly socket: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const TICK_MS = 2_000;
const MAINTENANCE_MS = 60_000;

/** Runs the agent until it is told to stop, is idle for long, or cannot be reached any more. Returns the exit code. */
export async function serveAgent({ socket, version, env }: ServeOptions): Promise<number> {
  const given = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, fromNative(value)]])),
  );
  const resolution = await resolveSettings({ cwd: '/', env: given, readFile: readConfigFile });
  // With a broken configuration compiles are refused one by one, saying so; the agent itself can still explain.
  const settings = resolution.ok ? resolution.settings : (await defaultSettings(given)).settings;
  const directory = settings['cache.dir'];
  makeCacheDirectory(directory);
  const log = openLog(`${directory}/agent.log`, settings['agent.log_level'], settings['agent.log_size']);
  const places = slotsFile(fromNative(socket));
  const services = await composeServices(directory, places.keep, {
    info: (message, details) => log.logger.info(details, message),
    warn: (message, details) => log.logger.warn(details, message),
  });
  const serving = engine(services);
  const stop = signalled();
  const startedAt = new Date();
  let server: AgentServer | undefined;
  const status = (): AgentStatus => ({
    pid: process.pid,
    version,
    socket,
    cacheDir: directory,
    startedAt: startedAt.toISOString(),
    requests: server?.requests ?? 0,
    connections: server?.connections ?? 0,
    storing: serving.storing,
    uploading: services.uploads.waiting,
    verifying: services.verifications.length,
    memoryBytes: process.memoryUsage.rss(),
    cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
    idleExitSeconds: settings['agent.idle_exit'] / 1000,
    localCompiles: services.slots.taken,
    localAuto: services.room.now,
  });
  const control = (request: ControlRequest): Promise<ControlReply> =>
    answerControl(request, { status, serving, services, stop: stop.now });
  const failed = (error: unknown): void => log.logger.error({ error: errorText(error) }, 'request failed');
  server = await listen({ socketPath: socket, engine: serving, control, failed, now: Date.now });
  log.logger.info({ pid: process.pid, version, socket, cacheDir: directory }, 'agent started');
  const keeper = janitor(services.defaultCache.layout, {
    maxBytes: settings['cache.max_size'],
    compressAfterMs: settings['cache.compress_after'],
    statistics: services.defaultCache.statistics,
  });
  await untilDone(server, settings['agent.idle_exit'], stop.asked, () => {
    log.rotate();
    void keeper.run().catch(failed);
  });
  services.verifications.stop();
  await server.close();
  await flush(serving, services);
  await services.grids.close();
  places.keep(0);
  log.logger.info('agent stopped');
  return 0;
}

/** So that the log has a place; where it cannot be made, compiles go on uncached and say why. */
function makeCacheDirectory(directory: string): void {
  makeDirectory(cacheLayout(directory), directory);
}

async function defaultSettings(env: Readonly<Record<string, string>>) {
  const plain = Object.fromEntries(Object.entries(env).filter(([name]) => /^(HOME|XDG_CACHE_HOME)$/.test(name)));
  const resolution = await resolveSettings({
    cwd: '/',
    env: plain,
    readFile: () => ({ kind: 'absent' }),
  });
  if (!resolution.ok) throw new Error('the default configuration is invalid');
  return resolution;
}

async function composeServices(
  directory: string,
  keepSlots: (count: number) => void,
  { info: log, warn }: Record<'info' | 'warn', (message: string, details: object) => void>,
): Promise<EngineServices> {
  const nowNs = () => BigInt(Date.now()) * 1_000_000n;
  const files = fileStates(nowNs);
  const slots = localSlots();
  const now = (): number => performance.now();
  const sights = sharedSight(files, now);
  const failed = (error: unknown): void => log('storing a result failed', { error: String(error) });
  const opened = caches(randomBytes(8).toString('hex'));
  const stores = storeQueue({ sights, now, failed });
  const describing = {
    files,
    toolchains: toolchains(files),
    settings: requestSettings(files),
    nativeArch: nativeArch(),
    history: pathHistory(nowNs),
  };
  const proving = {
    grids: grids(log),
    prepared: preparedAnswers(),
    churning: new Set<string>(),
    wrongResults: wrongResults(),
    now: Date.now,
    log,
  };
  return {
    ...describing,
    ...proving,
    slots,
    room: roomOf(slots, now),
    home: wayHome(now),
    lookups: lookupGate(),
    shares: shareQueue(() => slots.taken > 0),
    sights,
    stores,
    verifications: verifications({
      ...describing,
      ...proving,
      isBusy: () => slots.taken + stores.underWay + stores.length > 0,
      seed: randomBytes(8).toString('hex'),
      warn,
    }),
    uploads: uploadQueue(() => log('too much waits for the remote storage: results stay here', {})),
    parcels: {},
    keepSlots,
    nativeCpus: nativeCpus(),
    searchLists: searchLists(files),
    madeHeaders: madeHeaders(),
    caches: opened,
    defaultCache: await opened.at(directory),
    sessions: sessions(),
  };
}

function roomOf(slots: LocalSlots, now: () => number): LocalRoom {
  const processors = availableParallelism();
  return localRoom({
    load: machineLoad({ now, wholeMachine: () => processors === cpus().length }),
    processors,
    running: () => slots.taken,
    grew: slots.again,
    after: (ms, act) => setTimeout(act, ms).unref(),
  });
}

interface ControlTargets {
  readonly status: () => AgentStatus;
  readonly serving: Engine;
  readonly services: EngineServices;
  readonly stop: () => void;
}

async function answerControl(request: ControlRequest, targets: ControlTargets): Promise<ControlReply> {
  const { serving, services } = targets;
  switch (request.op) {
    case 'status':
      return { ok: true, status: targets.status() };
    case 'session':
      await serving.settled();
      return { ok: true, session: services.sessions.read(request.session) };
    case 'explain':
      await serving.settled();
      return { ok: true, explanation: await explain(request.command, services) };
    case 'flush':
      await flush(serving, services);
      return { ok: true };
    case 'stop':
      await flush(serving, services);
      targets.stop();
      return { ok: true };
    default:
      return { ok: false, error: 'unknown request' };
  }
}

async function flush(serving: Engine, services: EngineServices): Promise<void> {
  await serving.settled();
  await services.shares.flush();
  await services.uploads.flush();
  for (const cache of await services.caches.all()) {
    await cache.blobs.flush();
    await cache.manifests.flush();
    cache.statistics.flush();
  }
}

/** SIGTERM and SIGINT end the agent as `agent stop` does. */
function signalled(): { readonly asked: Promise<void>; readonly now: () => void } {
  let now = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    now = resolve;
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => now());
  return { asked, now: () => now() };
}

function untilDone(server: AgentServer, idleExitMs: number, asked: Promise<void>, maintain: () => void): Promise<void> {
  return new Promise((resolve) => {
    let maintained = Date.now();
    const timer = setInterval(() => {
      const now = Date.now();
      if (server.idleMs(now) > idleExitMs || !server.reachable()) done();
      if (now - maintained < MAINTENANCE_MS) return;
      maintained = now;
      maintain();
    }, TICK_MS);
    const done = (): void => {
      clearInterval(timer);
      resolve();
    };
    void asked.then(done);
  });
}

function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
