/** Servers that a remote storage may be: Debian's nginx and Redis, and small ones of our own that can be told to misbehave. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { signalProcess, until } from './processes.ts';
import { findTool, type Need } from './tools.ts';

export interface StorageServer {
  /** What HG_REMOTE_STORAGE may name, with a prefix and attributes after it. */
  readonly url: string;
  end(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(
  at: { readonly port: number; readonly host: string } | { readonly path: string },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(at, () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** Starts a program and waits until somebody listens at `at`. */
async function startListener(
  argv: readonly string[],
  at: Parameters<typeof answers>[0],
): Promise<{ end(): Promise<void> }> {
  const child = spawn(argv[0] as string, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let isUp = false;
  const looking = setInterval(() => {
    void answers(at).then((up) => {
      isUp ||= up;
    });
  }, 20);
  const ready = await until(() => isUp || child.exitCode !== null);
  clearInterval(looking);
  if (!ready || !isUp) throw new Error(`${argv.join(' ')} does not listen:\n${said}`);
  return {
    async end() {
      signalProcess(child.pid, 'SIGTERM');
      await closed;
    },
  };
}

/** Debian keeps it where only root's PATH leads. */
function nginxProgram(): string | undefined {
  return findTool('nginx') ?? (existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : undefined);
}

export const nginx: Need = {
  missing: () => (nginxProgram() === undefined ? 'no nginx on this machine' : undefined),
};

/** As a ccache user sets it up: files below a directory, PUT through WebDAV. `extra`: more lines of its location. */
export async function startNginx(directory: string, extra = ''): Promise<StorageServer> {
  const port = await freePort();
  const at = (name: string): string => join(directory, name);
  for (const name of ['www', 'tmp']) mkdirSync(at(name), { recursive: true });
  // Its worker is another user where it was started as root.
  for (const path of [directory, at('www'), at('tmp')]) chmodSync(path, 0o777);
  writeFileSync(
    at('nginx.conf'),
    `daemon off; master_process off; pid ${at('pid')}; error_log ${at('error.log')};
events {}
http {
  access_log ${at('access.log')};
  client_max_body_size 100m;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${at('tmp')};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    root ${at('www')};
    location / { dav_methods PUT DELETE; create_full_put_path on; ${extra} }
  }
}
`,
  );
  const program = nginxProgram() ?? '';
  const { end } = await startListener([program, '-c', at('nginx.conf'), '-e', at('error.log')], {
    port,
    host: '127.0.0.1',
  });
  return { url: `http://127.0.0.1:${port}`, end };
}

export interface RedisServer extends StorageServer {
  readonly socket: string;
  readonly port: number;
}

/** On a port and on a socket below `directory`; nothing of it reaches the disk. The flag `--tls`: the port speaks TLS. */
export async function startRedis(directory: string, ...flags: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  const socket = join(directory, 'redis.sock');
  mkdirSync(directory, { recursive: true });
  const ports = flags.includes('--tls') ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)];
  const own = [...ports, '--bind', '127.0.0.1', '--unixsocket', socket, '--save', '', '--dir', directory];
  const { end } = await startListener(['redis-server', ...own, ...flags.filter((flag) => flag !== '--tls')], {
    port,
    host: '127.0.0.1',
  });
  return { url: `redis://127.0.0.1:${port}`, socket, port, end };
}

export interface HttpBed extends StorageServer {
  /** What was stored, by path. */
  readonly entries: Map<string, Buffer>;
  /** `METHOD PATH` of every request. */
  readonly requests: string[];
  readonly headers: IncomingMessage['headers'][];
  readonly connections: () => number;
  /** Takes a request before it is served as usual; true: it was answered, or never will be. */
  misbehave: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
}

/** Keeps entries in memory. `tls`: a certificate and its key, PEM. */
export async function startHttp(tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<HttpBed> {
  let connections = 0;
  const bed: Omit<HttpBed, 'url' | 'end'> = {
    entries: new Map(),
    requests: [],
    headers: [],
    connections: () => connections,
    misbehave: undefined,
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '';
    bed.requests.push(`${request.method} ${path}`);
    bed.headers.push(request.headers);
    if (bed.misbehave?.(request, response) === true) return;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const found = bed.entries.get(path);
      if (request.method === 'PUT') bed.entries.set(path, Buffer.concat(chunks));
      const status = request.method === 'PUT' ? 201 : found === undefined ? 404 : 200;
      response.writeHead(status).end(request.method === 'GET' ? found : undefined);
    });
  };
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(bed, {
    url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${port}`,
    async end() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
