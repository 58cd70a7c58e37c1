import type { Socket } from 'node:net';
import { Agent, type IncomingMessage, request, TlsAgent, tlsRequest } from '../contract/http.ts';
import { afterListening } from '../contract/patience.ts';
import type { StoreTrouble } from './store.ts';

export interface Asked {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  /** With everything that has to be escaped escaped. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Bytes of the answer's body; more are trouble. */
  readonly limit: number;
  /** Until the last byte of the answer, in milliseconds. */
  readonly timeoutMs: number;
}

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly location: string | undefined;
  readonly body: Buffer;
}

/** Requests to one server over connections that are kept. */
export interface Exchange {
  ask(asked: Asked): Promise<Answer | StoreTrouble>;
  close(): void;
}

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly connectTimeoutMs: number;
  /** Authorities (PEM) in place of the usual ones. */
  readonly ca?: Buffer | undefined;
  /** For trouble. */
  readonly shown: string;
}

/** As many as compiles of a large machine ask at once; the rest waits its turn. */
const MAX_SOCKETS = 32;
/** A server closes kept connections after 5 s (Node) to 75 s (nginx): ours go first, or a question meets a closed door. */
const KEPT_MS = 4_000;

export function exchange(server: Server): Exchange {
  const kept = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: KEPT_MS };
  const agent = server.tls
    ? new TlsAgent(server.ca === undefined ? kept : { ...kept, ca: server.ca })
    : new Agent(kept);
  return {
    async ask(asked) {
      const answer = await once(server, agent, asked);
      // A kept connection that the server closed in this very moment: nothing was asked yet.
      return answer === 'stale' ? finish(await once(server, agent, asked), server) : finish(answer, server);
    },
    close: () => agent.destroy(),
  };
}

type Outcome = Answer | StoreTrouble | 'stale';

function finish(outcome: Outcome, server: Server): Answer | StoreTrouble {
  return outcome === 'stale' ? trouble(server, 'unreachable', 'it closes every connection') : outcome;
}

function trouble(server: Server, cause: StoreTrouble['cause'], detail: string): StoreTrouble {
  return { kind: 'trouble', cause, at: server.shown, detail };
}

type KeptAgent = InstanceType<typeof Agent>;

async function once(server: Server, agent: KeptAgent, asked: Asked): Promise<Outcome> {
  try {
    return await converse(server, agent, asked);
  } catch (error) {
    // A header that cannot be sent, such as a session token with a line break.
    return trouble(server, 'denied', (error as NodeJS.ErrnoException).code ?? 'no request can be made of this');
  }
}

function converse(server: Server, agent: KeptAgent, question: Asked): Promise<Outcome> {
  const { host, port, tls, connectTimeoutMs } = server;
  const { method, path, headers, body, limit, timeoutMs } = question;
  return new Promise((resolve) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const asked = (tls ? tlsRequest : request)({ host, port, agent, method, path, headers: { ...headers, ...length } });
    const end = (outcome: Outcome): void => {
      putOff();
      resolve(outcome);
      if (outcome === 'stale' || outcome.kind === 'trouble') asked.destroy();
    };
    const putOff = afterListening(timeoutMs, () => end(trouble(server, 'late', `no answer within ${timeoutMs} ms`)));
    asked.on('socket', (socket) =>
      limitConnecting(socket, tls, connectTimeoutMs, () =>
        end(trouble(server, 'unreachable', `no connection within ${connectTimeoutMs} ms`)),
      ),
    );
    asked.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = asked.reusedSocket && /^(ECONNRESET|EPIPE)$/.test(error.code ?? '');
      end(isStale ? 'stale' : trouble(server, 'unreachable', error.code ?? error.message));
    });
    asked.on('response', (answer) => {
      void readBody(answer, limit).then((read) => {
        if (typeof read === 'string') end(trouble(server, read === 'broken' ? 'unreachable' : 'strange', read));
        else end({ kind: 'answer', status: answer.statusCode ?? 0, location: answer.headers.location, body: read });
      });
    });
    asked.end(body);
  });
}

function limitConnecting(socket: Socket, tls: boolean, ms: number, late: () => void): void {
  if (!socket.connecting) return;
  const putOff = afterListening(ms, late);
  socket.once(tls ? 'secureConnect' : 'connect', putOff);
  socket.once('close', putOff);
}

/** The body; `broken`, or what is wrong with its length. */
async function readBody(answer: IncomingMessage, limit: number): Promise<Buffer | string> {
  const tooLong = `more than ${limit} bytes`;
  if (answer.method !== 'HEAD' && Number(answer.headers['content-length'] ?? 0) > limit && answer.statusCode === 200)
    return tooLong;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) return tooLong;
      chunks.push(chunk);
    }
  } catch {
    return 'broken';
  }
  return Buffer.concat(chunks);
}
