import { connect, isIP, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { RedisAddress } from '../config/storage-address.ts';
import { afterListening } from '../contract/patience.ts';
import { encodeCommand, NoReply, type Reply, replyReader } from './resp.ts';
import type { StoreTrouble } from './store.ts';

/** One connection to a Redis, made when it is needed; commands follow one another without waiting for replies. */
export interface RedisLine {
  ask(words: readonly (string | Buffer)[], timeoutMs: number): Promise<Reply | StoreTrouble>;
  close(): void;
}

interface Waiting {
  /** Tells who waits; undefined for what nobody waits for. */
  readonly settle: (outcome: Reply | StoreTrouble) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly waiting: Waiting[];
}

/** `limit`: bytes of a reply; more are trouble. `ca`: authorities (PEM) in place of the usual ones. */
export function redisLine(address: RedisAddress, limit: number, ca?: Buffer): RedisLine {
  let open: Connection | undefined;
  const trouble = (cause: StoreTrouble['cause'], detail: string): StoreTrouble => ({
    kind: 'trouble',
    cause,
    at: address.shown,
    detail,
  });

  /** Replies come in order: one that is missing makes all after it worthless. */
  const breakOff = (connection: Connection, why: StoreTrouble): void => {
    if (open === connection) open = undefined;
    connection.socket.destroy();
    for (const { settle } of connection.waiting.splice(0)) settle(why);
  };

  const send = (connection: Connection, words: readonly (string | Buffer)[], settle: Waiting['settle']): void => {
    connection.waiting.push({ settle });
    connection.socket.ref();
    connection.socket.cork();
    for (const part of encodeCommand(words)) connection.socket.write(part);
    connection.socket.uncork();
  };

  const connectNow = (): Connection => {
    const connection: Connection = { socket: makeSocket(address, ca), waiting: [] };
    const { socket } = connection;
    const fail = (cause: StoreTrouble['cause'], detail: string): void => breakOff(connection, trouble(cause, detail));
    const ms = address.connectTimeoutMs;
    const putOff = afterListening(ms, () => fail('unreachable', `no connection within ${ms} ms`));
    socket.setNoDelay(true);
    socket.once(isTls(address) ? 'secureConnect' : 'connect', putOff);
    socket.on('error', (error: NodeJS.ErrnoException) => fail('unreachable', error.code ?? error.message));
    socket.on('close', () => {
      putOff();
      fail('unreachable', 'it closed the connection');
    });
    const read = replyReader(limit);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const reply of read(chunk)) connection.waiting.shift()?.settle(reply);
        // A process that waits for nothing else may end.
        if (connection.waiting.length === 0) socket.unref();
      } catch (error) {
        fail('strange', error instanceof NoReply ? error.message : String(error));
      }
    });
    greet(connection, fail);
    return connection;
  };

  const greet = (connection: Connection, fail: (cause: StoreTrouble['cause'], detail: string) => void): void => {
    const { user, password, database } = address;
    const must = (reply: Reply | StoreTrouble): void => {
      // Only the first word: what does not know the command may repeat its arguments.
      if (reply.kind === 'error') fail('denied', reply.text.split(' ', 1)[0] ?? '');
    };
    if (password !== undefined)
      send(connection, user === undefined ? ['AUTH', password] : ['AUTH', user, password], must);
    if (database !== 0) send(connection, ['SELECT', String(database)], must);
  };

  return {
    ask: (words, timeoutMs) =>
      new Promise((resolve) => {
        open ??= connectNow();
        const connection = open;
        const putOff = afterListening(timeoutMs, () =>
          breakOff(connection, trouble('late', `no answer within ${timeoutMs} ms`)),
        );
        send(connection, words, (outcome) => {
          putOff();
          resolve(outcome);
        });
      }),
    close() {
      if (open !== undefined) breakOff(open, trouble('unreachable', 'closed'));
    },
  };
}

function isTls({ at }: RedisAddress): boolean {
  return typeof at !== 'string' && at.tls;
}

function makeSocket({ at }: RedisAddress, ca: Buffer | undefined): Socket {
  if (typeof at === 'string') return connect({ path: at });
  const { host, port, tls } = at;
  return tls
    ? tlsConnect({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...(ca === undefined ? {} : { ca }) })
    : connect({ host, port });
}
