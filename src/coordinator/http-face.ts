import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Access } from '../contract/access.ts';
import type { WorkerInfo } from '../contract/generated/hybridgrid/v1/build.ts';
import { blobRoutes } from './blob-routes.ts';
import type { BlobService } from './blob-service.ts';
import type { Metrics } from './metrics.ts';
import { packRoutes } from './pack-routes.ts';
import { PAGE_POLICY, type StatusFigures, statusPage } from './status-page.ts';

/** What the face shows. */
export interface HttpServices {
  readonly access: Access;
  readonly blobs: BlobService;
  readonly metrics: Metrics;
  readonly tls: TlsFiles | undefined;
  readonly figures: () => StatusFigures;
  /** Blobs came that are to be written in a quiet moment. */
  readonly wake: () => void;
  readonly log: (message: string, details: object) => void;
}

/** A certificate chain and its private key, PEM. */
export interface TlsFiles {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Only who shows a certificate that one of these signed is let in. */
  readonly clientCa?: string | Buffer;
}

const COOKIE = 'hybridgrid';
/** Silence for so long ends a connection that is in the middle of something. */
const SILENCE_MS = 60_000;
/** What a browser may have asked for; it is sent nowhere else. */
const PAGES = ['/', '/api/v1/workers', '/metrics'];
const JSON_SPACES = 2;

function httpsOptions({ cert, key, clientCa }: TlsFiles) {
  return clientCa === undefined ? { cert, key } : { cert, key, ca: clientCa, requestCert: true };
}

/** The coordinator over HTTP; not yet listening. */
export function httpFace(services: HttpServices): FastifyInstance {
  const { access, blobs, metrics, tls, figures, log } = services;
  const options = {
    logger: false,
    exposeHeadRoutes: false,
    // A 1 GiB blob over a slow line takes longer than any limit for a whole request would be.
    requestTimeout: 0,
    connectionTimeout: SILENCE_MS,
    forceCloseConnections: true,
  } as const;
  const app = (
    tls === undefined ? fastify(options) : fastify({ ...options, https: httpsOptions(tls) })
  ) as FastifyInstance;
  app.addHook('onRequest', async (request, reply) => guard(request, reply, access));
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const code = error.statusCode ?? 500;
    if (code >= 500) log('a request failed', { route: request.routeOptions.url, error: error.stack ?? String(error) });
    return reply
      .code(code)
      .type('text/plain')
      .send(`${code >= 500 ? 'the coordinator failed' : error.message}\n`);
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('not found\n'));
  blobRoutes(app, blobs, metrics.blobBytes);
  packRoutes(app, blobs, metrics.blobBytes, services.wake);
  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/api/v1/workers', (_request, reply) =>
    reply.type('application/json').send(`${JSON.stringify(workersJson(figures().workers), null, JSON_SPACES)}\n`),
  );
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  app.get('/', (_request, reply) =>
    reply
      .headers({
        'content-security-policy': PAGE_POLICY,
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      })
      .type('text/html; charset=utf-8')
      .send(statusPage(figures())),
  );
  return app;
}

/**
 * Everything but `/healthz` takes the token. A browser, which cannot send headers of its own, gives it once in the
 * address and gets a cookie, which is good for looking only.
 */
function guard(request: FastifyRequest, reply: FastifyReply, access: Access): FastifyReply | undefined {
  reply.header('x-content-type-options', 'nosniff');
  const path = request.url.split('?', 1)[0] ?? '';
  if (path === '/healthz' || access.admits(request.headers.authorization)) return undefined;
  if (request.method === 'GET' && !path.startsWith('/blobs')) {
    if (access.knowsCookie(cookieOf(request.headers.cookie))) return undefined;
    const given = new URLSearchParams(request.url.slice(path.length)).get('token');
    if (given !== null && access.knows(given)) {
      const secure = request.protocol === 'https' ? '; Secure' : '';
      return reply
        .header('set-cookie', `${COOKIE}=${access.cookie}; HttpOnly; SameSite=Strict; Path=/${secure}`)
        .header('cache-control', 'no-store')
        .redirect(PAGES.includes(path) ? path : '/', 303);
    }
  }
  return reply
    .code(401)
    .header('www-authenticate', 'Bearer')
    .type('text/plain')
    .send('the token is missing or wrong: send "authorization: Bearer TOKEN", or open /?token=TOKEN once\n');
}

function cookieOf(header: string | undefined): string {
  return new RegExp(`(?:^|;\\s*)${COOKIE}=([0-9a-f]+)`).exec(header ?? '')?.[1] ?? '';
}

function workersJson(workers: readonly WorkerInfo[]): object {
  return {
    workers: workers.map(({ capabilities, ...worker }) => ({
      id: capabilities?.workerId,
      hostname: capabilities?.hostname,
      address: worker.address,
      arch: capabilities?.arch,
      os: capabilities?.os,
      version: capabilities?.version,
      cores: capabilities?.cpuCores,
      memory_bytes: Number(capabilities?.memoryBytes ?? 0n),
      slots: capabilities?.slots,
      gpus: capabilities?.gpus ?? [],
      engine: capabilities?.engine ?? '',
      isolation: capabilities?.isolation,
      active_tasks: worker.activeTasks,
      completed_tasks: Number(worker.completedTasks),
      failed_tasks: Number(worker.failedTasks),
      latency_ms: worker.latencyMs,
      circuit: worker.circuit,
      draining: worker.draining,
      quarantine: worker.quarantine === '' ? null : worker.quarantine,
      last_heartbeat: new Date(Number(worker.lastHeartbeatUnixMs)).toISOString(),
    })),
  };
}
