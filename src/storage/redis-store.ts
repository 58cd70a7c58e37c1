import type { RedisAddress } from '../config/storage-address.ts';
import { type RedisLine, redisLine } from './redis-line.ts';
import type { Reply } from './resp.ts';
import { type EntryKey, type Found, type Store, type StoreTrouble, UPLOAD_PATIENCE } from './store.ts';

/** No entry of ours is larger; who reads has a bound of its own. In bytes. */
const REPLY_LIMIT = 65 << 20;

/** What others keep in the same Redis has other names. */
const PREFIX = 'hybridgrid';

/** A Redis, or what speaks its protocol. What it holds and what it forgets is its own setting (maxmemory-policy). */
export function redisStore(address: RedisAddress, ca?: Buffer): Store {
  const { shown, readOnly, operationTimeoutMs: timeoutMs } = address;
  const questions = redisLine(address, REPLY_LIMIT, ca);
  // A question does not wait behind megabytes on their way.
  const uploads: RedisLine = redisLine(address, REPLY_LIMIT, ca);
  const nameOf = ({ kind, digest }: EntryKey): string => `${PREFIX}:${kind}:${digest}`;
  const refused = ({ text }: Extract<Reply, { kind: 'error' }>): StoreTrouble => trouble(shown, causeOf(text), text);
  return {
    shown,
    readOnly,
    wantsPlain: false,
    async get(key, limit): Promise<Found> {
      const reply = await questions.ask(['GET', nameOf(key)], timeoutMs);
      if (reply.kind === 'trouble') return reply;
      if (reply.kind === 'error') return refused(reply);
      if (reply.kind !== 'bytes') return trouble(shown, 'strange', `a ${reply.kind} in answer to GET`);
      if (reply.bytes === undefined) return { kind: 'absent' };
      if (reply.bytes.length > limit) return trouble(shown, 'strange', `more than ${limit} bytes`);
      return { kind: 'found', bytes: reply.bytes };
    },
    async has(key) {
      const reply = await uploads.ask(['EXISTS', nameOf(key)], timeoutMs);
      if (reply.kind === 'trouble') return reply;
      if (reply.kind === 'error') return refused(reply);
      return reply.kind === 'number'
        ? reply.number > 0
        : trouble(shown, 'strange', `a ${reply.kind} in answer to EXISTS`);
    },
    async put(key, bytes) {
      const reply = await uploads.ask(['SET', nameOf(key), bytes], UPLOAD_PATIENCE * timeoutMs);
      if (reply.kind === 'trouble') return reply;
      if (reply.kind === 'error') return refused(reply);
      return reply.kind === 'text' ? undefined : trouble(shown, 'strange', `a ${reply.kind} in answer to SET`);
    },
    close() {
      questions.close();
      uploads.close();
    },
  };
}

function trouble(at: string, cause: StoreTrouble['cause'], detail: string): StoreTrouble {
  return { kind: 'trouble', cause, at, detail };
}

function causeOf(text: string): StoreTrouble['cause'] {
  if (/^OOM\b/.test(text)) return 'full';
  return /^(NOAUTH|WRONGPASS|NOPERM|READONLY)\b/.test(text) ? 'denied' : 'strange';
}
