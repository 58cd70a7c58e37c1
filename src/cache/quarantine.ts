import { readdirSync } from 'node:fs';
import { fromBytes, fsPath } from '../base/byte-string.ts';
import type { Digest } from '../base/digest.ts';
import { writeAtomically } from '../cas/atomic-write.ts';
import type { LocalBlobStore } from '../cas/blob-store.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { errnoOf, type Unwritable } from '../cas/unwritable.ts';
import { keepEntries, type Result } from './manifest.ts';
import type { ManifestStore } from './manifest-store.ts';

/** The parts of a cache that a wrong result has to leave. */
export interface QuarantineRooms {
  readonly layout: CacheLayout;
  readonly blobs: LocalBlobStore;
  readonly manifests: ManifestStore;
}

/** A result that was found wrong. */
export interface WrongResult {
  /** The manifests that may hold it. */
  readonly keys: readonly Digest[];
  readonly result: Pick<Result, 'outputs' | 'stderr'>;
  /** Blobs that are wrong; the others may belong to right results as well. */
  readonly wrong: readonly Digest[];
  /** What is said of it, for whoever looks: written as JSON. */
  readonly report: object;
  /** A name for its directory. */
  readonly name: string;
}

/** More than that is not kept: by then it is known that something is wrong. */
const MOST_KEPT = 50;

/**
 * Takes a wrong result out of its manifests, and its wrong blobs out of the cache, which never answers with them again. Its
 * outputs are kept in a directory below `v1/quarantine`, as far as there is room. Returns the directory, or why it could not
 * be written; the result is out in either case.
 */
export async function quarantine(rooms: QuarantineRooms, wrong: WrongResult): Promise<string | Unwritable> {
  const { layout, blobs, manifests } = rooms;
  const directory = `${layout.quarantine}/${wrong.name}`;
  const kept = quarantined(layout).length < MOST_KEPT ? await keep(rooms, directory, wrong) : undefined;
  for (const key of wrong.keys) {
    if (manifests.read(key) === undefined) continue;
    manifests.update(key, (found) => {
      const left = found && keepEntries(found, (entry) => !isSameResult(entry, wrong.result));
      return left?.entries.length === 0 ? undefined : left;
    });
  }
  for (const digest of wrong.wrong) blobs.drop(digest);
  return kept ?? directory;
}

/** The names of what is in quarantine. */
export function quarantined(layout: CacheLayout): readonly string[] {
  try {
    return readdirSync(fsPath(layout.quarantine), { encoding: 'buffer' }).map(fromBytes);
  } catch (error) {
    errnoOf(error);
    return [];
  }
}

async function keep(
  { layout, blobs }: QuarantineRooms,
  directory: string,
  { result, report }: WrongResult,
): Promise<Unwritable | undefined> {
  for (const { role, ref } of result.outputs) {
    const bytes = await blobs.read(ref);
    const problem = bytes === undefined ? undefined : writeAtomically(layout, `${directory}/${role}`, bytes);
    if (problem !== undefined) return problem;
  }
  return writeAtomically(layout, `${directory}/report.json`, Buffer.from(`${JSON.stringify(report, null, 2)}\n`));
}

/** Whether two results have the same bytes. */
export function isSameResult(one: WrongResult['result'], other: WrongResult['result']): boolean {
  const essence = ({ outputs, stderr }: WrongResult['result']): string =>
    JSON.stringify([
      outputs.map(({ role, ref }) => [role, ref.digest]).sort(),
      stderr.kind === 'inline' ? stderr.text : stderr.ref.digest,
    ]);
  return essence(one) === essence(other);
}
