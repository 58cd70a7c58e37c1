import type { Digest } from '../base/digest.ts';
import type { BlobRef } from '../cas/blob-store.ts';
import type { Output } from '../compiler/invocation.ts';
import type { Field } from './fingerprint.ts';
import { filingInto } from './manifest-tables.ts';
import { eachIndex, indexesOf, markUsed, moveRuns, newPlaces, type Runs, toRuns } from './runs.ts';

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
  readonly infos: Infos;
  readonly absences: Absences;
  /** Newest first. */
  readonly entries: readonly Entry[];
}

/**
 * States of input files, a column for each of their facts. Columns and no rows: numbers and strings that are there anyway
 * take no room of their own, and two thousand small objects a manifest took most of the time to read, file and write it.
 */
export interface Infos {
  /** Which file: into the paths. */
  readonly paths: readonly number[];
  readonly digests: readonly Digest[];
  /** Small facts about the input that its user chooses (8 bits). */
  readonly flags: readonly number[];
}

/** Names that must not exist. */
export interface Absences {
  /** Of each the directory: into the paths. */
  readonly dirs: readonly number[];
  /** Of each the name: into `names`. */
  readonly named: readonly number[];
  /** Relative to a directory; may hold slashes. Each once: most are probed in several directories. */
  readonly names: readonly string[];
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
  const infos: Infos = { paths: [], digests: [], flags: [] };
  return { key, fields, paths: [], infos, absences: { dirs: [], named: [], names: [] }, entries: [] };
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
  const filing = filingInto(manifest);
  const { inputs, present, absent, ...result } = entry;
  const filed: Entry = {
    ...result,
    inputs: toRuns(filing.inputs(inputs)),
    present: toRuns(filing.present(present)),
    absent: toRuns(filing.absent(absent)),
  };
  const grown = { ...manifest, ...filing.tables() };
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
  while (kept.entries.length > 1 && tooLarge(kept)) {
    kept = swept({ ...kept, entries: kept.entries.slice(0, -1) });
  }
  return kept;
}

function tooLarge({ infos, absences }: Manifest): boolean {
  return infos.paths.length > MAX_INFOS || absences.dirs.length > MAX_ABSENCES;
}

/** One byte for every item of every table: 1 where something refers to it. */
interface Used {
  readonly paths: Uint8Array;
  readonly infos: Uint8Array;
  readonly absences: Uint8Array;
  readonly names: Uint8Array;
}

function swept(manifest: Manifest): Manifest {
  const used = usedBy(manifest);
  if (Object.values(used).every((items: Uint8Array) => !items.includes(0))) return manifest;
  const { paths, infos, absences, entries } = manifest;
  const placeOf = {
    paths: newPlaces(used.paths),
    infos: newPlaces(used.infos),
    absences: newPlaces(used.absences),
    names: newPlaces(used.names),
  };
  return {
    ...manifest,
    paths: taken(paths, used.paths),
    infos: {
      paths: moved(taken(infos.paths, used.infos), placeOf.paths),
      digests: taken(infos.digests, used.infos),
      flags: taken(infos.flags, used.infos),
    },
    absences: {
      dirs: moved(taken(absences.dirs, used.absences), placeOf.paths),
      named: moved(taken(absences.named, used.absences), placeOf.names),
      names: taken(absences.names, used.names),
    },
    entries: entries.map((entry) => ({
      ...entry,
      inputs: moveRuns(entry.inputs, placeOf.infos),
      present: moveRuns(entry.present, placeOf.paths),
      absent: moveRuns(entry.absent, placeOf.absences),
    })),
  };
}

function usedBy({ paths, infos, absences, entries }: Manifest): Used {
  const used: Used = {
    paths: new Uint8Array(paths.length),
    infos: new Uint8Array(infos.paths.length),
    absences: new Uint8Array(absences.dirs.length),
    names: new Uint8Array(absences.names.length),
  };
  for (const entry of entries) {
    markUsed(entry.inputs, used.infos);
    markUsed(entry.absent, used.absences);
    markUsed(entry.present, used.paths);
  }
  infos.paths.forEach((path, at) => {
    if (used.infos[at] === 1) used.paths[path] = 1;
  });
  absences.dirs.forEach((dir, at) => {
    if (used.absences[at] === 0) return;
    used.paths[dir] = 1;
    used.names[absences.named[at] as number] = 1;
  });
  return used;
}

function taken<T>(items: readonly T[], used: Uint8Array): readonly T[] {
  return items.filter((_, at) => used[at] === 1);
}

function moved(indexes: readonly number[], places: Int32Array): readonly number[] {
  return indexes.map((index) => places[index] as number);
}

/** The inputs of an entry, the source first. */
export function inputsOf(manifest: Manifest, entry: Entry): readonly Input[] {
  const { paths, digests, flags } = manifest.infos;
  return indexesOf(entry.inputs).map((at) => ({
    path: manifest.paths[paths[at] as number] as string,
    digest: digests[at] as Digest,
    flags: flags[at] as number,
  }));
}

/** Paths that must exist, whatever they hold. */
export function presentOf(manifest: Manifest, entry: Entry): readonly string[] {
  return indexesOf(entry.present).map((at) => manifest.paths[at] as string);
}

/** Names that must not exist, by directory. */
export function absentOf(manifest: Manifest, entry: Entry): readonly AbsentGroup[] {
  const { dirs, named, names } = manifest.absences;
  const byDirectory = new Map<number, string[]>();
  let last = -1;
  let below: string[] = [];
  eachIndex(entry.absent, (at) => {
    const dir = dirs[at] as number;
    if (dir !== last) {
      last = dir;
      below = byDirectory.get(dir) ?? [];
      byDirectory.set(dir, below);
    }
    below.push(names[named[at] as number] as string);
  });
  return Array.from(byDirectory, ([dir, absent]) => ({ dir: manifest.paths[dir] as string, names: absent }));
}

/** Every blob an entry needs. */
export function blobsOf(entry: Entry): readonly BlobRef[] {
  const refs = entry.outputs.map((output) => output.ref);
  return entry.stderr.kind === 'blob' ? [...refs, entry.stderr.ref] : refs;
}
