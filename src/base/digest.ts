import { hash } from 'node:crypto';

/** A SHA-256 in 64 lower-case hex digits. Made only by {@link sha256} and {@link parseDigest}. */
export type Digest = string & { readonly __brand: 'Digest' };

/** SHA-256 of bytes, or of a byte string (each char code one byte). 1.4-1.7 GB/s with SHA-NI; what REAPI stores use. */
export function sha256(data: Uint8Array | string): Digest {
  return hash('sha256', typeof data === 'string' ? Buffer.from(data, 'latin1') : data, 'hex') as Digest;
}

/** The one door for digests that come from outside: `undefined` unless it is 64 lower-case hex digits. */
export function parseDigest(text: string): Digest | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as Digest) : undefined;
}
