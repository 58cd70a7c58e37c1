import { lstatSync } from 'node:fs';
import { hostname } from 'node:os';
import { fsPath } from '../base/byte-string.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { errnoOf } from '../cas/unwritable.ts';
import { sumCounters } from './counters.ts';
import { isAlive } from './janitor-lock.ts';
import { writeSmallJson } from './small-file.ts';
import { type AgentFile, agentFiles, readTotal, totalPath } from './statistics.ts';

/** An agent of another machine is taken for gone when its file is this old; one of this machine when its pid is. */
const GONE_AFTER_MS = 7 * 24 * 3_600_000;

/**
 * Folds the files of agents that are gone into `total.json`, so that there are few. Called under the janitor's lock,
 * yet made so that death at any step, and even two of them at once, neither lose nor double a count:
 *
 * 1. Files that the total on disk says are in it are removed. (Only what an earlier pass committed is ever removed.)
 * 2. The new total with the newly folded names is renamed into place. From this instant readers skip these files.
 * 3. Their removal is the next pass's step 1. A name leaves the list when its file is seen to be gone.
 */
export function foldStatistics(layout: CacheLayout, now: () => number = Date.now, step: () => void = () => {}): number {
  const total = readTotal(layout);
  for (const id of total.folded) {
    removeQuietly(`${layout.stats}/${id}.json`);
    step();
  }
  const gone = agentFiles(layout, total.folded).filter((file) => isGone(file, now()));
  const still = total.folded.filter((id) => exists(`${layout.stats}/${id}.json`));
  if (gone.length === 0 && still.length === total.folded.length) return 0;
  step();
  writeSmallJson(layout, totalPath(layout), {
    v: 1,
    counters: gone.map((file) => file.counters).reduce(sumCounters, total.counters),
    folded: [...still, ...gone.map((file) => file.id)],
  });
  step();
  return gone.length;
}

function isGone(file: AgentFile, now: number): boolean {
  if (file.host === hostname() && file.pid !== undefined) return !isAlive(file.pid);
  try {
    return now - lstatSync(fsPath(file.path)).mtimeMs > GONE_AFTER_MS;
  } catch (error) {
    errnoOf(error);
    return false;
  }
}

function exists(path: string): boolean {
  try {
    return lstatSync(fsPath(path), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    errnoOf(error);
    return true;
  }
}
