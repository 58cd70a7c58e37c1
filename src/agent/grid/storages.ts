import type { Settings } from '../../config/settings.ts';
import { parseStorageAddress } from '../../config/storage-address.ts';
import { S3_VARIABLES, s3Environment } from '../../config/storage-credentials.ts';
import type { StorageGrid } from './storage-grid.ts';

/** The remote storages that requests name. */
export interface Storages {
  /** Undefined where the settings name none. */
  of(settings: Settings, env: ReadonlyMap<string, string>): Promise<StorageGrid | undefined>;
  close(): Promise<void>;
}

/** Sets of addresses and credentials that are open at once; session tokens of S3 change every hour. */
const LIMIT = 20;

export function storages(log: (message: string, details: object) => void): Storages {
  const open = new Map<string, Promise<StorageGrid>>();
  return {
    of(settings, env) {
      const addresses = settings['cache.remote_storage'];
      if (addresses.length === 0) return Promise.resolve(undefined);
      const usesS3 = addresses.some((address) => address.startsWith('s3:'));
      const place = JSON.stringify([addresses, usesS3 ? S3_VARIABLES.map((name) => env.get(name)) : []]);
      const before = open.get(place);
      if (before !== undefined) return before;
      const opened = openStorages(addresses, env, log);
      open.set(place, opened);
      for (const [oldest, grid] of open) {
        if (open.size <= LIMIT) break;
        open.delete(oldest);
        void grid.then((old) => old.close());
      }
      return opened;
    },
    async close() {
      for (const grid of open.values()) (await grid).close();
    },
  };
}

async function openStorages(
  texts: readonly string[],
  env: ReadonlyMap<string, string>,
  log: (message: string, details: object) => void,
): Promise<StorageGrid> {
  // With the messages comes gRPC, 50 ms that nobody without a storage should pay.
  const { storageGrid } = await import('./storage-grid.ts');
  const { openStore } = await import('../../storage/open-store.ts');
  const addresses = texts.map(parseStorageAddress).flatMap((address) => (address.kind === 'bad' ? [] : [address]));
  const s3 = s3Environment((name) => env.get(name));
  return storageGrid(await Promise.all(addresses.map((address) => openStore(address, s3))), log);
}
