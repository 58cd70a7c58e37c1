import { connect } from 'node:net';
import type { ControlReply, ControlRequest } from './control.ts';

/**
 * Asks a running agent. Never throws for an absent or silent one: that is `{ok: false}`.
 * @param timeoutMs how long to wait for the whole reply
 */
export function controlAgent(socketPath: string, request: ControlRequest, timeoutMs = 5_000): Promise<ControlReply> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const chunks: Buffer[] = [];
    let settled = false;
    const settle = (reply: ControlReply): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => settle({ ok: false, error: `no answer within ${timeoutMs} ms` }), timeoutMs);
    socket.on('error', (error) => settle({ ok: false, error: error.message }));
    socket.on('close', () => settle({ ok: false, error: 'the agent closed the connection' }));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const reply = parseReply(Buffer.concat(chunks));
      if (reply !== undefined) settle(reply);
    });
    const body = Buffer.from(JSON.stringify(request), 'utf8');
    const head = Buffer.alloc(5);
    head.writeUInt32LE(body.length + 1, 0);
    head.write('J', 4);
    socket.write(Buffer.concat([head, body]));
  });
}

/** One whole reply frame: u32 length, 'S', u32 size, JSON. */
function parseReply(received: Buffer): ControlReply | undefined {
  if (received.length < 9 || received.length < 4 + received.readUInt32LE(0)) return undefined;
  try {
    return JSON.parse(received.toString('utf8', 9, 9 + received.readUInt32LE(5))) as ControlReply;
  } catch {
    return { ok: false, error: 'the agent sent a damaged reply' };
  }
}
