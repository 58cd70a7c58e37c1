/**
 * Node's HTTP. To import from `node:http` by name evaluates every getter of it, `WebSocket` with them, and that loads all
 * of undici: 17 ms in each process.
 */
const { Agent, request, STATUS_CODES } = process.getBuiltinModule('node:http');
const { Agent: TlsAgent, request: tlsRequest } = process.getBuiltinModule('node:https');

export type { IncomingMessage, RequestOptions } from 'node:http';
export { Agent, request, STATUS_CODES, TlsAgent, tlsRequest };
