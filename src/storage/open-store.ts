import { CredentialsUnreadable, readPem } from '../config/grid-credentials.ts';
import type { StorageAddress } from '../config/storage-address.ts';
import type { S3Environment } from '../config/storage-credentials.ts';
import type { Store, StoreTrouble } from './store.ts';

/** The storage at an address. No connection is made before it is asked something; only the code for it is loaded. */
export async function openStore(address: StorageAddress, env: S3Environment): Promise<Store> {
  const ca = authorities(address);
  if (ca instanceof CredentialsUnreadable) return closedStore(address, ca.message);
  switch (address.kind) {
    case 'http':
      return (await import('./http-store.ts')).httpStore(address, ca);
    case 's3':
      return (await import('./s3-store.ts')).s3Store(address, env, ca);
    case 'redis':
      return (await import('./redis-store.ts')).redisStore(address, ca);
  }
}

function authorities({ tlsCa }: StorageAddress): Buffer | CredentialsUnreadable | undefined {
  try {
    return tlsCa === undefined ? undefined : readPem(tlsCa);
  } catch (error) {
    if (error instanceof CredentialsUnreadable) return error;
    throw error;
  }
}

/** One that cannot even be asked. */
function closedStore({ shown, readOnly }: StorageAddress, detail: string): Store {
  const trouble: StoreTrouble = { kind: 'trouble', cause: 'denied', at: shown, detail };
  const answer = (): Promise<StoreTrouble> => Promise.resolve(trouble);
  return { shown, readOnly, wantsPlain: false, get: answer, has: answer, put: answer, close: () => {} };
}
