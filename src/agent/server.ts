import { chmodSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { encodeControl } from './answers.ts';
import type { ControlReply, ControlRequest } from './control.ts';
import { type Conversation, conversation } from './conversation.ts';
import type { Engine } from './engine.ts';
import { frameCutter } from './wire.ts';

/** The socket's face: connections in, conversations and control requests served. */
export interface AgentServer {
  readonly connections: number;
  readonly requests: number;
  /** Milliseconds since the last connection closed; 0 while one is open. */
  idleMs(now: number): number;
  /** False once somebody removed the socket file: nobody can reach us any more. */
  reachable(): boolean;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly socketPath: string;
  readonly engine: Engine;
  readonly control: (request: ControlRequest) => Promise<ControlReply>;
  readonly failed: (error: unknown) => void;
  readonly now: () => number;
}

/** Launchers of a 64-core build may knock at once; the kernel cuts this to its own limit (somaxconn, 4096). */
const BACKLOG = 4096;

export async function listen(options: ServerOptions): Promise<AgentServer> {
  const open = new Set<Socket>();
  let requests = 0;
  let lastClosed = options.now();
  const server = createServer((socket) => {
    requests += 1;
    open.add(socket);
    serve(socket, options);
    socket.on('close', () => {
      open.delete(socket);
      lastClosed = options.now();
    });
  });
  await bind(server, options.socketPath);
  const inode = statSync(options.socketPath, { bigint: true }).ino;
  return {
    get connections() {
      return open.size;
    },
    get requests() {
      return requests;
    },
    idleMs: (now) => (open.size > 0 ? 0 : now - lastClosed),
    reachable: () => statSync(options.socketPath, { bigint: true, throwIfNoEntry: false })?.ino === inode,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.end();
      }),
  };
}

/** The launcher that started us holds the lock for us, so whatever lies at the path is a dead agent's. */
function bind(server: Server, path: string): Promise<void> {
  try {
    unlinkSync(path);
  } catch {
    // Usually there is none.
  }
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: BACKLOG }, () => {
      chmodSync(path, 0o600);
      resolve();
    });
  });
}

function serve(socket: Socket, { engine, control, failed }: ServerOptions): void {
  const cutter = frameCutter();
  const talk: Conversation = conversation(engine, {
    send: (frame) => {
      if (!socket.destroyed) socket.write(frame);
    },
    end: () => socket.destroy(),
    failed,
  });
  socket.on('data', (chunk: Buffer) => {
    const frames = cutter.push(chunk);
    if (frames === undefined) {
      socket.destroy();
      return;
    }
    for (const frame of frames) {
      if (frame.type === 'control') answerControl(socket, frame.payload, control, failed);
      else talk.receive(frame);
    }
  });
  // A launcher that was killed is no event worth a line.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => talk.close());
}

function answerControl(
  socket: Socket,
  payload: Buffer,
  control: ServerOptions['control'],
  failed: (error: unknown) => void,
): void {
  const reply = async (): Promise<ControlReply> => {
    try {
      return await control(JSON.parse(payload.toString('utf8')) as ControlRequest);
    } catch (error) {
      failed(error);
      return { ok: false, error: error instanceof Error ? error.message : String(error) };
    }
  };
  reply().then((answer) => {
    if (!socket.destroyed) socket.end(encodeControl(answer));
  }, failed);
}
