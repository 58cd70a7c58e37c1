import { type ManifestStore, openManifestStore } from '../cache/manifest-store.ts';
import { openSourceIndex, type SourceIndex } from '../cache/source-index.ts';
import { openStatistics, type Statistics } from '../cache/statistics.ts';
import type { LocalBlobStore } from '../cas/blob-store.ts';
import { openDiskBlobStore } from '../cas/disk-blob-store.ts';
import { type CacheLayout, cacheLayout } from '../cas/layout.ts';

/** One cache directory, opened. */
export interface OpenCache {
  readonly layout: CacheLayout;
  readonly blobs: LocalBlobStore;
  readonly manifests: ManifestStore;
  readonly sources: SourceIndex;
  readonly statistics: Statistics;
}

/**
 * The cache directories this agent serves. Usually one; a changed configuration file may name another while the
 * agent runs, because settings belong to requests.
 */
export interface Caches {
  at(directory: string): Promise<OpenCache>;
  all(): Promise<readonly OpenCache[]>;
}

export function caches(agentId: string): Caches {
  const open = new Map<string, Promise<OpenCache>>();
  return {
    at(directory) {
      const known = open.get(directory) ?? openCache(directory, agentId);
      open.set(directory, known);
      return known;
    },
    all: () => Promise.all(open.values()),
  };
}

async function openCache(directory: string, agentId: string): Promise<OpenCache> {
  const layout = cacheLayout(directory);
  return {
    layout,
    blobs: await openDiskBlobStore(layout),
    manifests: openManifestStore(layout),
    sources: openSourceIndex(layout),
    statistics: openStatistics(layout, agentId),
  };
}
