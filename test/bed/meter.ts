/** A line that counts what passes. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Meter {
  /** Bytes so far, from whoever connects and back to it. */
  readonly out: number;
  readonly back: number;
  close(): Promise<void>;
}

/** Passes connections to another address of this machine at the same port. */
export async function meter(host: string, to: string, port: number): Promise<Meter> {
  const sockets = new Set<Socket>();
  const counted = { out: 0, back: 0 };
  const pass = (from: Socket, into: Socket, way: keyof typeof counted): void => {
    sockets.add(from);
    from.on('data', (piece) => {
      counted[way] += piece.length;
      into.write(piece);
    });
    from.on('close', () => into.destroy()).on('error', () => into.destroy());
  };
  const server: Server = createServer((near) => {
    const far = connect({ host: to, port });
    pass(near, far, 'out');
    pass(far, near, 'back');
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return {
    get out() {
      return counted.out;
    },
    get back() {
      return counted.back;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
