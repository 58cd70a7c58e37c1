import type { Settings } from '../config/settings.ts';
import { s3Environment } from '../config/storage-credentials.ts';
import type { StoreState } from '../storage/check-stores.ts';

/** How the remote storages of these settings answer now. No code for them is loaded where there are none. */
export async function storageStates(settings: Settings, env: NodeJS.ProcessEnv): Promise<readonly StoreState[]> {
  const texts = settings['cache.remote_storage'];
  if (texts.length === 0) return [];
  const { checkStores } = await import('../storage/check-stores.ts');
  return checkStores(
    texts,
    s3Environment((name) => env[name]),
  );
}
