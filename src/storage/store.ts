import type { Digest } from '../base/digest.ts';

/** The name of an entry: a result by the digest of its question, a content by its own. */
export interface EntryKey {
  readonly kind: 'result' | 'content';
  readonly digest: Digest;
}

/** What went wrong between us and a storage. */
export interface StoreTrouble {
  readonly kind: 'trouble';
  /**
   * `unreachable`: no connection, or one that broke; `late`: no answer in time; `denied`: it wants other credentials;
   * `full`: it has no room for more; `strange`: an answer that no such storage gives, of too many bytes for instance.
   */
  readonly cause: 'unreachable' | 'late' | 'denied' | 'full' | 'strange';
  /** The storage, without its secrets. */
  readonly at: string;
  readonly detail: string;
}

export type Found = { readonly kind: 'found'; readonly bytes: Buffer } | { readonly kind: 'absent' } | StoreTrouble;

/**
 * Bytes under names on a server that other machines use, too. It proves nothing: who reads has to check what it got.
 * Nothing here throws; every call ends within the address' timeouts.
 */
export interface Store {
  /** The storage, without its secrets. */
  readonly shown: string;
  readonly readOnly: boolean;
  /** Whether contents have to be stored exactly as their digest says: the server checks them. */
  readonly wantsPlain: boolean;
  /** At most `limit` bytes; more are trouble. */
  get(key: EntryKey, limit: number): Promise<Found>;
  has(key: EntryKey): Promise<boolean | StoreTrouble>;
  /** Replaces what is there. Undefined where all went well. */
  put(key: EntryKey, bytes: Buffer): Promise<StoreTrouble | undefined>;
  close(): void;
}

/** Nobody waits for what is stored: it may take so many times longer than a question. */
export const UPLOAD_PATIENCE = 5;

const REMEDIES: Readonly<Record<StoreTrouble['cause'], string>> = {
  unreachable: 'is it running there, and does cache.remote_storage name its host and port?',
  late: 'give it more time with |operation-timeout=MILLISECONDS, or take one that is nearer',
  denied: 'correct the user, the token, the AWS_ variables or |tls-ca=FILE, or mark it |read-only',
  full: 'make room there, let it remove old entries by itself, or mark it |read-only',
  strange: 'is it such a storage, and is the layout right?',
};

/** What can be done about it, as a clause for people. */
export function remedyFor({ cause }: StoreTrouble): string {
  return REMEDIES[cause];
}
