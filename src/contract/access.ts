import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';

/** Who may talk to a daemon of the grid: everybody who has the token; all, where there is none. */
export interface Access {
  readonly isOpen: boolean;
  /** Whether an `authorization` header holds the token. In constant time, whatever was sent. */
  admits(header: string | undefined): boolean;
  /** The same for the bare token. */
  knows(token: string): boolean;
  /** What a browser keeps instead of the token. */
  readonly cookie: string;
  /** The same for a cookie's value. */
  knowsCookie(value: string): boolean;
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Digests are compared, which all have one length: neither the token's length nor its beginning shows in the time. */
const same = (one: Buffer, other: string): boolean => timingSafeEqual(one, digestOf(other));

export function accessFor(token: string | undefined): Access {
  if (token === undefined || token === '') {
    return { isOpen: true, admits: () => true, knows: () => true, cookie: '', knowsCookie: () => true };
  }
  const wanted = digestOf(token);
  const cookie = createHash('sha256').update(`hybridgrid browser ${token}`).digest('hex');
  const wantedCookie = digestOf(cookie);
  return {
    isOpen: false,
    admits: (header) => same(wanted, /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? ''),
    knows: (given) => same(wanted, given),
    cookie,
    knowsCookie: (value) => same(wantedCookie, value),
  };
}

/** Turns away calls without the token before a byte of their message is read. */
export function accessInterceptor(access: Access): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            const [header] = metadata.get('authorization');
            if (access.admits(typeof header === 'string' ? header : undefined)) pass(metadata);
            else call.sendStatus({ code: status.UNAUTHENTICATED, details: 'the token is missing or wrong' });
          },
        });
      },
    });
}

/** Whether only this machine can reach what is bound to the host. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  if (isIPv4(host)) return host.startsWith('127.');
  return isIPv6(host) && /^(0*:)*:?0*1$/.test(host);
}

/** Whether an address is of a local network: the private and link-local ranges, and this machine. */
export function isLocalNetwork(address: string): boolean {
  const bare = address.replace(/^::ffff:/, '');
  if (isLoopback(bare)) return true;
  if (isIPv4(bare)) return /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)/.test(bare);
  return /^(f[cd]|fe[89ab])/i.test(bare);
}
