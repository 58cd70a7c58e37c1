/** sccache beside the others: a server of its own, with a cache on the disk and a port of its own. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { run, runOk } from '../test/bed/run.ts';
import { isInstalled } from './lan/installed.ts';
import { startService } from './lan/processes.ts';

export interface Sccache {
  /** Hits that it has counted so far. */
  hits(): Promise<number>;
  stop(): Promise<void>;
}

/** A server that is left behind for whatever reason ends by itself after so long without work. In seconds. */
const IDLE_SECONDS = 900;

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** For the server and for whoever compiles with it. */
export async function sccacheVariables(directory: string): Promise<NodeJS.ProcessEnv> {
  return {
    SCCACHE_DIR: join(directory, 'sccache'),
    SCCACHE_SERVER_PORT: String(await freePort()),
    SCCACHE_IDLE_TIMEOUT: String(IDLE_SECONDS),
  };
}

/**
 * As root version 0.4 replaces a /dev/null that is named as an output by a file: for its server it is a mount, which
 * nothing can be renamed over.
 */
const SAFE = ['unshare', '-m', 'sh', '-c', 'mount --bind /dev/null /dev/null && exec sccache'];

/** Or why it cannot be had. */
export async function startSccache(env: NodeJS.ProcessEnv): Promise<Sccache | { readonly lacks: string }> {
  if (!isInstalled('sccache')) return { lacks: 'sccache is not installed' };
  const serverEnv = { ...env, SCCACHE_START_SERVER: '1', SCCACHE_NO_DAEMON: '1', SCCACHE_LOG: 'info' };
  const service = startService(process.getuid?.() === 0 ? SAFE : ['sccache'], serverEnv);
  try {
    await service.says(/listening on/);
  } catch (error) {
    await service.stop();
    return { lacks: `its server does not start: ${(error as Error).message}` };
  }
  return {
    async hits() {
      const { stdout } = await runOk(['sccache', '--show-stats', '--stats-format=json'], { env, timeoutMs: 20_000 });
      const { stats } = JSON.parse(stdout.toString()) as { stats: { cache_hits: { counts: Record<string, number> } } };
      return Object.values(stats.cache_hits.counts).reduce((total, count) => total + count, 0);
    },
    async stop() {
      await run(['sccache', '--stop-server'], { env, timeoutMs: 20_000 }).catch(() => {});
      await service.stop();
    },
  };
}
