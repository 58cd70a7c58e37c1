import type { Digest } from '../base/digest.ts';
import { parseStorageAddress } from '../config/storage-address.ts';
import type { S3Environment } from '../config/storage-credentials.ts';
import { openStore } from './open-store.ts';
import { remedyFor, type StoreTrouble } from './store.ts';

/** How a storage answers a question now. Names are what `--json` prints. */
export interface StoreState {
  /** The storage, without its secrets. */
  readonly at: string;
  readonly healthy: boolean;
  readonly readOnly: boolean;
  /** Time that the answer took, the connection included, in milliseconds. */
  readonly answerMs: number;
  readonly cause?: StoreTrouble['cause'];
  readonly detail?: string;
  readonly remedy?: string;
}

/** Nothing has this digest. */
const NOTHING = '0'.repeat(64) as Digest;
const LIMIT = 1 << 20;

/** Asks every storage of the setting `cache.remote_storage` for something that none has. */
export function checkStores(texts: readonly string[], env: S3Environment): Promise<readonly StoreState[]> {
  const addresses = texts.map(parseStorageAddress).flatMap((address) => (address.kind === 'bad' ? [] : [address]));
  return Promise.all(
    addresses.map(async (address): Promise<StoreState> => {
      const store = await openStore(address, env);
      const began = performance.now();
      const answer = await store.get({ kind: 'result', digest: NOTHING }, LIMIT);
      const answerMs = Math.round(performance.now() - began);
      store.close();
      const { shown: at, readOnly } = store;
      if (answer.kind !== 'trouble') return { at, healthy: true, readOnly, answerMs };
      const { cause, detail } = answer;
      return { at, healthy: false, readOnly, answerMs, cause, detail, remedy: remedyFor(answer) };
    }),
  );
}
