import { lstatSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, parseDigest } from '../base/digest.ts';
import { COLD_SUFFIX } from '../cas/cold-blob.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { errnoOf } from '../cas/unwritable.ts';
import { type CachedFile, diskBytes } from './eviction-plan.ts';
import { namesIn } from './small-file.ts';

export type FileKind = 'raw' | 'cold' | 'manifest' | 'source' | 'tmp';

/** One file found. Files that bear no name of ours (a later version's, perhaps) are not seen. */
export interface FoundFile extends CachedFile {
  readonly kind: FileKind;
  /** What it is named after; undefined for tmp files. */
  readonly digest: Digest | undefined;
  readonly size: number;
  readonly mode: number;
  /** False for a directory or link in a file's place: damage. */
  readonly regular: boolean;
}

const ROOMS: readonly { room: (layout: CacheLayout) => string; suffixes: readonly (readonly [string, FileKind])[] }[] =
  [
    {
      room: (layout) => layout.blobs,
      suffixes: [
        ['', 'raw'],
        [COLD_SUFFIX, 'cold'],
      ],
    },
    { room: (layout) => layout.manifests, suffixes: [['.json', 'manifest']] },
    { room: (layout) => layout.sources, suffixes: [['.json', 'source']] },
  ];

/** A step of the event loop is held no longer than this. */
const SLICE_MS = 1;

/**
 * Lets others run when this work has had its slice. Synchronous calls in slices, because a promise per stat costs ten
 * times the stat; by time and not by number, because a stat over NFS takes as long as a hundred local ones.
 */
export function timeSlices(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < SLICE_MS) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        began = performance.now();
        resolve();
      });
    });
  };
}

/**
 * Every blob, manifest and source file, as far as it can be read. A cold blob whose raw form exists, because somebody
 * stored it again or died while compressing, is `double` and not among the files.
 */
export async function walkCache(layout: CacheLayout): Promise<{ files: FoundFile[]; doubles: FoundFile[] }> {
  const pause = timeSlices();
  const files: FoundFile[] = [];
  const doubles: FoundFile[] = [];
  for (const { room, suffixes } of ROOMS) {
    for (const shard of namesIn(room(layout))) {
      if (!/^[0-9a-f]$/.test(shard)) continue;
      for (const name of namesIn(`${room(layout)}/${shard}`)) {
        await pause();
        const known = recognise(name, shard, suffixes);
        const file = known && look(`${room(layout)}/${shard}/${name}`, known.kind, known.digest);
        if (file === undefined) continue;
        // Names come sorted: the raw form is the one just seen.
        const last = files.at(-1);
        const isDouble = file.kind === 'cold' && last?.kind === 'raw' && last.digest === file.digest;
        (isDouble ? doubles : files).push(file);
      }
    }
  }
  return { files, doubles };
}

/** The files being written, and those left behind. */
export function walkTmp(layout: CacheLayout): FoundFile[] {
  return namesIn(layout.tmp).flatMap((name) => look(`${layout.tmp}/${name}`, 'tmp', undefined) ?? []);
}

function recognise(
  name: string,
  shard: string,
  suffixes: readonly (readonly [string, FileKind])[],
): { kind: FileKind; digest: Digest } | undefined {
  const digest = parseDigest(name.slice(0, 64));
  const kind = suffixes.find(([suffix]) => name.slice(64) === suffix)?.[1];
  return digest && kind && digest.startsWith(shard) ? { kind, digest } : undefined;
}

/** A file as it is now; undefined if it is gone. */
export function look(path: string, kind: FileKind, digest: Digest | undefined): FoundFile | undefined {
  try {
    const stats = lstatSync(fsPath(path), { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    const { size, mode, mtimeMs } = stats;
    return { path, kind, digest, size, bytes: diskBytes(size), usedMs: mtimeMs, mode, regular: stats.isFile() };
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}
