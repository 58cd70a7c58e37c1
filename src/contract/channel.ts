import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { TlsIdentity } from '../base/tls-identity.ts';

/** How a daemon of the grid is spoken to. Where TLS is set, it is spoken to everybody: the token goes out with every call. */
export function channelOf(tls: TlsIdentity | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

/** An address as gRPC reads it: one of IPv6 stands in brackets. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
