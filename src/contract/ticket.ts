import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Digest } from '../base/digest.ts';

/** What a ticket allows: one compile, by one client, on one worker, for a while. */
export interface TicketTerms {
  readonly taskId: string;
  readonly action: Digest;
  readonly client: string;
  readonly workerId: string;
  /** By the coordinator's clock, in milliseconds since 1970. */
  readonly expiresMs: number;
}

const KEY_BYTES = 32;

/** A key for the tickets of one attachment: no other worker, and no later attachment, takes tickets made with it. */
export function newTicketKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** The ticket, made by the coordinator; the worker makes it again and compares, so that neither has to ask the other. */
export function ticketFor(key: Uint8Array, { taskId, action, client, workerId, expiresMs }: TicketTerms): Buffer {
  return createHmac('sha256', key)
    .update(JSON.stringify([taskId, action, client, workerId, expiresMs]))
    .digest();
}

/** Whether a ticket is that of its terms. Without a key none is. In constant time. */
export function isTicketFor(key: Uint8Array, terms: TicketTerms, ticket: Uint8Array): boolean {
  if (key.length !== KEY_BYTES) return false;
  const wanted = ticketFor(key, terms);
  return ticket.length === wanted.length && timingSafeEqual(wanted, ticket);
}
