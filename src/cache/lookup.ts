import type { Digest } from '../base/digest.ts';
import type { Difference } from './fingerprint.ts';
import type { Absence, Entry, Info, Manifest } from './manifest.ts';
import { eachIndex, type Runs } from './runs.ts';

/** The file system as a lookup sees it. Asked at most once for each path, digest and name. */
export interface FileFacts {
  /** The digest of a regular file's bytes now; undefined if there is none or it cannot be read. */
  digestOf(path: string): Digest | undefined;
  /** Whether anything lies at a path. */
  exists(path: string): boolean;
}

/** Whether conditions hold, each asked once however many entries share it. */
interface Conditions {
  holdsInput(index: number): boolean;
  holdsPresent(index: number): boolean;
  holdsAbsent(index: number): boolean;
}

/** The newest entry whose conditions all hold. */
export function findEntry(manifest: Manifest, facts: FileFacts): Entry | undefined {
  const conditions = conditionsOf(manifest, facts);
  return manifest.entries.find(
    (entry) =>
      all(entry.inputs, conditions.holdsInput) &&
      all(entry.present, conditions.holdsPresent) &&
      all(entry.absent, conditions.holdsAbsent),
  );
}

/** What keeps the nearest entry, the one with fewest broken conditions, from holding; empty if one holds. */
export function nearestDifferences(manifest: Manifest, facts: FileFacts): readonly Difference[] {
  const conditions = conditionsOf(manifest, facts);
  let nearest: readonly Difference[] | undefined;
  for (const entry of manifest.entries) {
    const found = differencesOf(manifest, entry, conditions, facts);
    if (nearest === undefined || found.length < nearest.length) nearest = found;
  }
  return nearest ?? [];
}

function differencesOf(manifest: Manifest, entry: Entry, conditions: Conditions, facts: FileFacts): Difference[] {
  const found: Difference[] = [];
  eachIndex(entry.inputs, (index) => {
    if (conditions.holdsInput(index)) return;
    const { path, digest } = manifest.infos[index] as Info;
    const name = manifest.paths[path] as string;
    found.push({ what: 'input', name, before: digest, now: facts.digestOf(name) ?? 'absent' });
  });
  eachIndex(entry.present, (index) => {
    if (conditions.holdsPresent(index)) return;
    found.push({ what: 'input', name: manifest.paths[index] as string, before: 'present', now: 'absent' });
  });
  eachIndex(entry.absent, (index) => {
    if (conditions.holdsAbsent(index)) return;
    found.push({ what: 'absent-file', name: absentPath(manifest, index), before: 'absent', now: 'present' });
  });
  return found;
}

function conditionsOf(manifest: Manifest, facts: FileFacts): Conditions {
  const digests = new Map<number, Digest | undefined>();
  const digestOf = (path: number) => {
    if (!digests.has(path)) digests.set(path, facts.digestOf(manifest.paths[path] as string));
    return digests.get(path);
  };
  return {
    holdsInput: once(manifest.infos.length, (index) => {
      const info = manifest.infos[index] as Info;
      return digestOf(info.path) === info.digest;
    }),
    holdsPresent: once(manifest.paths.length, (index) => facts.exists(manifest.paths[index] as string)),
    holdsAbsent: once(manifest.absences.length, (index) => !facts.exists(absentPath(manifest, index))),
  };
}

function absentPath(manifest: Manifest, index: number): string {
  const { dir, name } = manifest.absences[index] as Absence;
  const directory = manifest.paths[dir] as string;
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

function once(size: number, ask: (index: number) => boolean): (index: number) => boolean {
  const answers = new Uint8Array(size);
  return (index) => {
    if (answers[index] === 0) answers[index] = ask(index) ? 1 : 2;
    return answers[index] === 1;
  };
}

function all(runs: Runs, holds: (index: number) => boolean): boolean {
  for (let at = 0; at < runs.length; at += 2) {
    const start = runs[at] as number;
    const end = start + (runs[at + 1] as number);
    for (let index = start; index < end; index += 1) if (!holds(index)) return false;
  }
  return true;
}
