import type { StorageLayout } from '../config/storage-address.ts';
import type { EntryKey } from './store.ts';

/**
 * The name of an entry below a server's path, as ccache lays out its own: `/ab/cdef...`, `/abcdef...`, or as Bazel's
 * caches want it, `/ac/...` for results and `/cas/...` for contents. Digests never meet by chance, and whose they are is
 * proved by what is in them.
 */
export function entryPath(layout: StorageLayout, { kind, digest }: EntryKey): string {
  switch (layout) {
    case 'subdirs':
      return `/${digest.slice(0, 2)}/${digest.slice(2)}`;
    case 'flat':
      return `/${digest}`;
    case 'bazel':
      return `/${kind === 'result' ? 'ac' : 'cas'}/${digest}`;
  }
}
