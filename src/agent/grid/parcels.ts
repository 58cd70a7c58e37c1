import type { Digest } from '../../base/digest.ts';
import {
  type InputFields,
  inputFields,
  type NodeBytes,
  type PartFields,
  partFields,
} from '../../contract/encode-spec.ts';
import type { Sight } from '../file-snapshot.ts';
import type { Step, Way, Ways } from '../ways.ts';
import { type NodeMemory, nodeSet, type SentNode } from './node-set.ts';

export type SentFile = SentNode & { readonly digest: Digest };

/** What is sent together, and what follows from it. */
export interface Parcel<Fields> {
  /** By path. */
  readonly nodes: readonly SentNode[];
  /** As they stand in a message. */
  readonly fields: Fields;
  readonly files: readonly SentFile[];
  readonly digests: readonly Digest[];
  /** Real paths of all files. */
  readonly paths: ReadonlySet<string>;
  /** Of which there are several files. */
  readonly doubled: ReadonlySet<Digest>;
}

/** Paths as they are spelled. */
export interface Wanted {
  readonly files: readonly string[];
  readonly directories: readonly string[];
}

/**
 * Parcels as they were put together before, each for one object: while nothing is found otherwise on the way to any of its
 * files, it is the same. Comparing 430 ways takes a fifth of making nodes of them, sorting and writing them again.
 */
export interface Parcels<Fields> {
  /** Undefined if one of the files is none, or cannot be read. */
  of(key: object, wanted: Wanted, sight: Sight): Parcel<Fields> | undefined;
}

/** Empty at first: whoever never sends anything need not know how. */
export interface ParcelMemory extends NodeMemory {
  inputs?: Parcels<InputFields>;
  tools?: Parcels<PartFields>;
}

/** What compiles read; the key is the walk that found it. */
export function inputParcels(memory: ParcelMemory): Parcels<InputFields> {
  memory.inputs ??= parcels(memory, inputFields);
  return memory.inputs;
}

/** What compilers consist of; the key is the toolchain. */
export function toolParcels(memory: ParcelMemory): Parcels<PartFields> {
  memory.tools ??= parcels(memory, partFields, true);
  return memory.tools;
}

interface Kept<Fields> extends Wanted {
  /** Of the files, then of the directories. */
  readonly ways: readonly (Way | undefined)[];
  readonly parcel: Parcel<Fields>;
}

/** `areRun`: the files are programs. */
function parcels<Fields>(
  memory: NodeMemory,
  write: (nodes: readonly NodeBytes[]) => Fields,
  areRun = false,
): Parcels<Fields> {
  const known = new WeakMap<object, Kept<Fields>>();
  return {
    of(key, wanted, sight) {
      const before = known.get(key);
      if (before !== undefined && isSame(before, wanted, sight.ways)) return before.parcel;
      const nodes = nodesOf(wanted, sight, memory, areRun);
      if (nodes === undefined) return undefined;
      const parcel = parcelOf(nodes, write);
      const ways = waysOf(wanted, sight.ways);
      // A file too young to be remembered may have other content by now.
      const areSettled = wanted.files.every((_, i) => ways[i]?.end.content !== undefined);
      if (areSettled) known.set(key, { ...wanted, ways, parcel });
      return parcel;
    },
  };
}

function nodesOf({ files, directories }: Wanted, sight: Sight, memory: NodeMemory, areRun: boolean) {
  const nodes = nodeSet(sight, memory);
  if (!files.every((path) => nodes.addFile(path, areRun))) return undefined;
  for (const path of directories) nodes.addDirectory(path);
  return nodes.sorted();
}

function parcelOf<Fields>(nodes: readonly SentNode[], write: (nodes: readonly NodeBytes[]) => Fields): Parcel<Fields> {
  const files = nodes.filter((node): node is SentFile => node.digest !== undefined);
  const digests = files.map(({ digest }) => digest);
  const seen = new Set<Digest>();
  const doubled = new Set<Digest>();
  for (const digest of digests) (seen.has(digest) ? doubled : seen).add(digest);
  const paths = new Set(files.map(({ at }) => at.path));
  return { nodes, fields: write(nodes.map(({ bytes }) => bytes)), files, digests, paths, doubled };
}

function waysOf({ files, directories }: Wanted, ways: Ways): readonly (Way | undefined)[] {
  return [...files, ...directories].map((path) => ways.find(path));
}

function isSame<Fields>(before: Kept<Fields>, { files, directories }: Wanted, ways: Ways): boolean {
  if (!areEqual(before.files, files) || !areEqual(before.directories, directories)) return false;
  // Files of one directory share their steps.
  const alike = new Map<readonly Step[], readonly Step[]>();
  const leadsAlike = (one: Way, other: Way): boolean => {
    if (one === other || alike.get(one.steps) === other.steps) return true;
    if (!areStepsAlike(one.steps, other.steps)) return false;
    alike.set(one.steps, other.steps);
    return true;
  };
  return before.ways.every((way, i) => {
    const path = (i < files.length ? files[i] : directories[i - files.length]) as string;
    const now = ways.find(path);
    if (way === undefined || now === undefined) return way === now;
    if (way.real !== now.real || !leadsAlike(way, now)) return false;
    // What is written into a directory makes it no other one.
    return i < files.length ? way.end === now.end : way.end.kind === now.end.kind;
  });
}

function areEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((path, i) => path === other[i]);
}

/** The same directories and links, whatever has been written into them. */
function areStepsAlike(one: readonly Step[], other: readonly Step[]): boolean {
  return (
    one.length === other.length &&
    one.every((step, i) => {
      const now = other[i] as Step;
      if (step.at !== now.at) return false;
      return step.kind === 'link' ? now.kind === 'link' && now.target === step.target : now.kind === 'directory';
    })
  );
}
