/**
 * Makes stored proofs worse than they are, by rewriting manifests through the store that wrote them. The fuzzer has to
 * notice: one that finds nothing wrong with a broken proof would find nothing wrong with a broken program either.
 */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import type { Digest } from '../../src/base/digest.ts';
import type { Manifest } from '../../src/cache/manifest.ts';
import { openManifestStore } from '../../src/cache/manifest-store.ts';
import { eachIndex, type Runs, toRuns } from '../../src/cache/runs.ts';
import { cacheLayout } from '../../src/cas/layout.ts';

/** What is left out of every proof: names that must be absent, headers, or names that must be present. */
export type Weakness = 'absent' | 'headers' | 'present';

export function weakenManifests(cacheDir: string, weakness: Weakness): void {
  const layout = cacheLayout(cacheDir);
  const store = openManifestStore(layout);
  for (const path of globSync(`${layout.manifests}/*/*.json`)) {
    const key = basename(path, '.json') as Digest;
    store.update(key, (found) => (found === undefined ? undefined : weakened(found, weakness)));
  }
}

function weakened(manifest: Manifest, weakness: Weakness): Manifest {
  const entries = manifest.entries.map((entry) => {
    if (weakness === 'absent') return { ...entry, absent: toRuns([]) };
    if (weakness === 'present') return { ...entry, present: toRuns([]) };
    const inputs = kept(entry.inputs, (index) => manifest.infos.flags[index] !== 0);
    return { ...entry, inputs };
  });
  return { ...manifest, entries };
}

/** The source stands first and is always kept. */
function kept(runs: Runs, holds: (index: number) => boolean): Runs {
  const indexes: number[] = [];
  eachIndex(runs, (index) => {
    if (indexes.length === 0 || holds(index)) indexes.push(index);
  });
  return toRuns(indexes);
}
