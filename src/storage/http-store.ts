import type { HttpAddress } from '../config/storage-address.ts';
import { type Answer, exchange } from './exchange.ts';
import { entryPath } from './layouts.ts';
import { type Found, type Store, type StoreTrouble, UPLOAD_PATIENCE } from './store.ts';

/** What a server writes beside an error. In bytes. */
const ERROR_BODY_LIMIT = 64 << 10;

/** A server that answers GET, HEAD and PUT: what ccache, Bazel and a plain WebDAV server agree on. */
export function httpStore(address: HttpAddress, ca?: Buffer): Store {
  const to = exchange({ ...address, ca });
  const { shown, readOnly, layout, authorization, operationTimeoutMs: timeoutMs } = address;
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const pathOf = (key: Parameters<Store['get']>[0]): string => address.path + entryPath(layout, key);
  return {
    shown,
    readOnly,
    wantsPlain: layout === 'bazel',
    async get(key, limit) {
      const bound = Math.max(limit, ERROR_BODY_LIMIT);
      return found(await to.ask({ method: 'GET', path: pathOf(key), headers, limit: bound, timeoutMs }), shown, limit);
    },
    async has(key) {
      return isThere(await to.ask({ method: 'HEAD', path: pathOf(key), headers, limit: 0, timeoutMs }), shown);
    },
    async put(key, body) {
      const patience = UPLOAD_PATIENCE * timeoutMs;
      const asked = { method: 'PUT', path: pathOf(key), headers, body, limit: ERROR_BODY_LIMIT } as const;
      return putTrouble(await to.ask({ ...asked, timeoutMs: patience }), shown);
    },
    close: () => to.close(),
  };
}

/** What the answer to a GET says. */
export function found(answer: Answer | StoreTrouble, at: string, limit: number): Found {
  if (answer.kind === 'trouble') return answer;
  if (isAbsent(answer.status)) return { kind: 'absent' };
  if (answer.status !== 200) return statusTrouble(answer, at);
  if (answer.body.length > limit) return strange(at, `more than ${limit} bytes`);
  return { kind: 'found', bytes: answer.body };
}

/** What the answer to a HEAD says. */
export function isThere(answer: Answer | StoreTrouble, at: string): boolean | StoreTrouble {
  if (answer.kind === 'trouble') return answer;
  if (isAbsent(answer.status)) return false;
  return answer.status === 200 || answer.status === 204 ? true : statusTrouble(answer, at);
}

/** What the answer to a PUT says: undefined where it was stored. */
export function putTrouble(answer: Answer | StoreTrouble, at: string): StoreTrouble | undefined {
  if (answer.kind === 'trouble') return answer;
  return answer.status >= 200 && answer.status < 300 ? undefined : statusTrouble(answer, at);
}

function isAbsent(status: number): boolean {
  return status === 404 || status === 410;
}

/** Redirects are not followed: where credentials go is for the settings to say. */
function statusTrouble({ status, location }: Answer, at: string): StoreTrouble {
  const detail = location === undefined ? `status ${status}` : `status ${status}, which leads elsewhere`;
  const cause = [401, 403, 405, 407].includes(status) ? 'denied' : [413, 507].includes(status) ? 'full' : 'strange';
  return { kind: 'trouble', cause, at, detail };
}

function strange(at: string, detail: string): StoreTrouble {
  return { kind: 'trouble', cause: 'strange', at, detail };
}
