import type { StorageAddress } from '../config/storage-address.ts';
import type { S3Environment } from '../config/storage-credentials.ts';
import type { Store } from './store.ts';

/** The storage at an address. No connection is made before it is asked something; only the code for it is loaded. */
export async function openStore(address: StorageAddress, env: S3Environment): Promise<Store> {
  switch (address.kind) {
    case 'http':
      return (await import('./http-store.ts')).httpStore(address);
    case 's3':
      return (await import('./s3-store.ts')).s3Store(address, env);
    case 'redis':
      return (await import('./redis-store.ts')).redisStore(address);
  }
}
