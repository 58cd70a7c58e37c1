import type { Digest } from '../base/digest.ts';
import type { BlobRef } from '../cas/blob-store.ts';
import type { Output } from '../compiler/invocation.ts';
import type { Field } from './fingerprint.ts';
import { tablesOf } from './manifest-tables.ts';
import { eachIndex, markUsed, moveRuns, newPlaces, type Runs, toRuns } from './runs.ts';

/**
 * What is known about one fingerprint (toolchain, options, environment, directory, source path): under which states
 * of the file system it gave which results. An entry holds if every input has its digest, every `present` path
 * exists, and every `absent` name does not; then the outputs are what the compiler would write.
 *
 * Tables are shared by all entries, because after an edit 271 of 272 inputs are the same. Read them through
 * {@link inputsOf}, {@link presentOf} and {@link absentOf}. A manifest is never changed in place.
 */
export interface Manifest {
  /** The fingerprint it answers; a file under another name is damage. */
  readonly key: Digest;
  /** What the fingerprint was made of, for explanations. */
  readonly fields: readonly Field[];
  readonly paths: readonly string[];
  readonly infos: readonly Info[];
  readonly absences: readonly Absence[];
  /** Newest first. */
  readonly entries: readonly Entry[];
}

/** One state of one input file. */
export interface Info {
  /** Index into the paths. */
  readonly path: number;
  readonly digest: Digest;
  /** Small facts about the input that its user chooses (8 bits). */
  readonly flags: number;
}

/** One name that must not exist. */
export interface Absence {
  /** Index of the directory into the paths. */
  readonly dir: number;
  /** Relative to the directory; may hold slashes. */
  readonly name: string;
}

export interface Entry extends Result {
  /** Into the infos, the source first. */
  readonly inputs: Runs;
  /** Into the paths. */
  readonly present: Runs;
  /** Into the absences. */
  readonly absent: Runs;
}

/** What a compile gave. */
export interface Result {
  readonly outputs: readonly StoredOutput[];
  readonly stderr: StoredText;
  /** Whether the stored diagnostics hold colour sequences. */
  readonly colour: 'plain' | 'coloured';
  /** Wall time of the compile. */
  readonly compileMs: number;
  /** CPU time of the compile and its children. */
  readonly cpuMs: number;
  /** Milliseconds since 1970. */
  readonly storedAt: number;
  /** Digest of the preprocessed text, where it was made. */
  readonly pp?: Digest;
  /** For a result that came from the grid. */
  readonly madeBy?: GridMaker;
}

/** Where a result of the grid came from. */
export interface GridMaker {
  /** What the compile is called there. */
  readonly action: Digest;
  /** The worker that made it; empty: a client. */
  readonly worker: string;
}

export interface StoredOutput {
  readonly role: Output['role'];
  readonly ref: BlobRef;
}

/** Diagnostics up to {@link INLINE_LIMIT} bytes stand in the manifest: nearly all are empty. */
export type StoredText =
  | { readonly kind: 'inline'; readonly text: string }
  | { readonly kind: 'blob'; readonly ref: BlobRef };

/** One input file as the compile read it. Paths are absolute byte strings. */
export interface Input {
  readonly path: string;
  readonly digest: Digest;
  readonly flags: number;
}

/** Names that must not exist below one directory. */
export interface AbsentGroup {
  readonly dir: string;
  readonly names: readonly string[];
}

/** An entry before its conditions are filed into the tables. */
export interface NewEntry extends Result {
  /** The source first. */
  readonly inputs: readonly Input[];
  readonly present: readonly string[];
  readonly absent: readonly AbsentGroup[];
}

/** Older results of one fingerprint are forgotten beyond this. */
export const MAX_ENTRIES = 64;
/** A compile that reads more files is refused ('input-too-large'). */
export const MAX_INPUTS = 20_000;
/** A compile that probed more absent names is refused likewise. */
export const MAX_ABSENT = 200_000;
/** Table sizes above which the oldest entries go: keeps the largest manifest near 10 MB. */
const MAX_INFOS = 60_000;
export const MAX_ABSENCES = 400_000;
export const INLINE_LIMIT = 4096;

export function emptyManifest(key: Digest, fields: readonly Field[]): Manifest {
  return { key, fields, paths: [], infos: [], absences: [], entries: [] };
}

/** Whether an entry is small enough to be added. */
export function fitsManifest(entry: NewEntry): boolean {
  const absent = entry.absent.reduce((sum, group) => sum + group.names.length, 0);
  return entry.inputs.length <= MAX_INPUTS && entry.present.length <= MAX_INPUTS && absent <= MAX_ABSENT;
}

/** Puts an entry first. One with the same conditions is replaced; the oldest ones go when there are too many. */
export function addEntry(manifest: Manifest, entry: NewEntry): Manifest {
  if (!fitsManifest(entry)) throw new RangeError('more inputs than a manifest holds');
  if (entry.inputs.some(({ flags }) => (flags & 0xff) !== flags)) throw new RangeError('flags of more than 8 bits');
  const { paths, infos, absences } = tablesOf(manifest);
  const { inputs, present, absent, ...result } = entry;
  const filed: Entry = {
    ...result,
    inputs: toRuns(inputs.map(({ path, digest, flags }) => infos.place(paths.place(path), digest, flags))),
    present: toRuns(present.map((path) => paths.place(path))),
    absent: toRuns(absent.flatMap(({ dir, names }) => absences.placeAll(paths.place(dir), names))),
  };
  const grown = { ...manifest, paths: paths.items, infos: infos.items, absences: absences.items };
  // The first entry of a manifest refers to all that was filed with it.
  if (manifest.entries.length === 0 && manifest.paths.length === 0) return { ...grown, entries: [filed] };
  const others = manifest.entries.filter((older) => !sameConditions(older, filed));
  return withEntries(grown, [filed, ...others.slice(0, MAX_ENTRIES - 1)]);
}

function sameConditions(one: Entry, other: Entry): boolean {
  return (
    sameRuns(one.inputs, other.inputs) && sameRuns(one.present, other.present) && sameRuns(one.absent, other.absent)
  );
}

function sameRuns(one: Runs, other: Runs): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at]);
}

/** The manifest with some of its entries, for when the blobs of others are gone. */
export function keepEntries(manifest: Manifest, keep: (entry: Entry) => boolean): Manifest {
  return withEntries(manifest, manifest.entries.filter(keep));
}

/** The manifest with one entry's result changed, its conditions kept (a digest of preprocessed text that came later). */
export function withResult(manifest: Manifest, entry: Entry, change: Partial<Result>): Manifest {
  const entries = manifest.entries.map((other) => (other === entry ? { ...other, ...change } : other));
  return { ...manifest, entries };
}

/** Keeps these entries, fewer where the tables would be too large, and drops what nobody refers to any more. */
function withEntries(manifest: Manifest, entries: readonly Entry[]): Manifest {
  let kept = swept({ ...manifest, entries });
  while (kept.entries.length > 1 && (kept.infos.length > MAX_INFOS || kept.absences.length > MAX_ABSENCES)) {
    kept = swept({ ...kept, entries: kept.entries.slice(0, -1) });
  }
  return kept;
}

function swept(manifest: Manifest): Manifest {
  const infos = new Uint8Array(manifest.infos.length);
  const absences = new Uint8Array(manifest.absences.length);
  const paths = new Uint8Array(manifest.paths.length);
  for (const entry of manifest.entries) {
    markUsed(entry.inputs, infos);
    markUsed(entry.absent, absences);
    markUsed(entry.present, paths);
  }
  manifest.infos.forEach((info, at) => {
    if (infos[at] === 1) paths[info.path] = 1;
  });
  manifest.absences.forEach((absence, at) => {
    if (absences[at] === 1) paths[absence.dir] = 1;
  });
  if (!infos.includes(0) && !absences.includes(0) && !paths.includes(0)) return manifest;
  const moved = { infos: newPlaces(infos), absences: newPlaces(absences), paths: newPlaces(paths) };
  const placeOf = (path: number) => moved.paths[path] as number;
  return {
    ...manifest,
    paths: manifest.paths.filter((_, at) => paths[at] === 1),
    infos: manifest.infos.filter((_, at) => infos[at] === 1).map((info) => ({ ...info, path: placeOf(info.path) })),
    absences: manifest.absences
      .filter((_, at) => absences[at] === 1)
      .map(({ dir, name }) => ({ dir: placeOf(dir), name })),
    entries: manifest.entries.map((entry) => ({
      ...entry,
      inputs: moveRuns(entry.inputs, moved.infos),
      present: moveRuns(entry.present, moved.paths),
      absent: moveRuns(entry.absent, moved.absences),
    })),
  };
}

/** The inputs of an entry, the source first. */
export function inputsOf(manifest: Manifest, entry: Entry): readonly Input[] {
  const inputs: Input[] = [];
  eachIndex(entry.inputs, (index) => {
    const { path, digest, flags } = manifest.infos[index] as Info;
    inputs.push({ path: manifest.paths[path] as string, digest, flags });
  });
  return inputs;
}

/** Paths that must exist, whatever they hold. */
export function presentOf(manifest: Manifest, entry: Entry): readonly string[] {
  const present: string[] = [];
  eachIndex(entry.present, (index) => present.push(manifest.paths[index] as string));
  return present;
}

/** Names that must not exist, by directory. */
export function absentOf(manifest: Manifest, entry: Entry): readonly AbsentGroup[] {
  const groups: { dir: string; names: string[] }[] = [];
  const byDirectory = new Map<number, string[]>();
  eachIndex(entry.absent, (index) => {
    const { dir, name } = manifest.absences[index] as Absence;
    let names = byDirectory.get(dir);
    if (names === undefined) {
      names = [];
      byDirectory.set(dir, names);
      groups.push({ dir: manifest.paths[dir] as string, names });
    }
    names.push(name);
  });
  return groups;
}

/** Every blob an entry needs. */
export function blobsOf(entry: Entry): readonly BlobRef[] {
  const refs = entry.outputs.map((output) => output.ref);
  return entry.stderr.kind === 'blob' ? [...refs, entry.stderr.ref] : refs;
}
