import { toBytes } from '../../base/byte-string.ts';
import type { Digest } from '../../base/digest.ts';
import { encodeNode, type NodeBytes } from '../../contract/encode-spec.ts';
import type { InputNode } from '../../contract/generated/hybridgrid/v1/build.ts';
import type { Sight } from '../file-snapshot.ts';
import { type PlacedPath, pathOrder } from './path-order.ts';

/** A file, link or directory that has to exist elsewhere, as it stands in a message. */
export interface SentNode {
  /** Its path, without links. */
  readonly at: PlacedPath;
  /** Of a file; undefined of anything else. */
  readonly digest: Digest | undefined;
  /** What else tells it from others at its path. */
  readonly as: string;
  readonly bytes: NodeBytes;
}

/** Files, links and directories that have to exist elsewhere, with everything on the ways that lead to them. */
export interface NodeSet {
  /** How many there are. */
  readonly size: number;
  /** False if it is no regular file that can be read. */
  addFile(path: string, executable?: boolean): boolean;
  addDirectory(path: string): void;
  /** By path, so that equal sets are equal bytes. */
  sorted(): SentNode[];
}

/**
 * Nodes as they stand in a message, by path. Compiles of one project send the same headers: made anew for each, 430 nodes
 * were a fifth of all garbage, and to write them was the better part of what a description cost.
 */
export interface NodeMemory {
  known?: KnownNodes;
}

/** Nodes whose paths are of one order. */
export interface KnownNodes {
  file(path: string, digest: Digest, size: bigint, executable: boolean): SentNode;
  link(path: string, target: string): SentNode;
  directory(path: string): SentNode;
  sorted(nodes: Iterable<SentNode>): SentNode[];
  readonly size: number;
}

/** So many nodes are kept before all are forgotten; some 500 bytes each. */
const MEMORY_LIMIT = 100_000;

function knownNodes(): KnownNodes {
  const nodes = new Map<string, SentNode>();
  const order = pathOrder();
  const known = (path: string, digest: Digest | undefined, as: string): SentNode | undefined => {
    const node = nodes.get(path);
    return node?.digest === digest && node?.as === as ? node : undefined;
  };
  const make = (path: string, digest: Digest | undefined, as: string, node: InputNode['node']): SentNode => {
    const made = { at: order.of(path), digest, as, bytes: encodeNode({ path: toBytes(path), node }) };
    nodes.set(path, made);
    return made;
  };
  return {
    file(path, digest, size, executable) {
      const as = executable ? 'program' : 'file';
      const before = known(path, digest, as);
      if (before !== undefined) return before;
      const value = { digest: Buffer.from(digest, 'hex'), size, mtimeNs: 0n, executable };
      return make(path, digest, as, { $case: 'file', value });
    },
    link(path, target) {
      const as = `link to ${target}`;
      return known(path, undefined, as) ?? make(path, undefined, as, { $case: 'linkTarget', value: toBytes(target) });
    },
    directory(path) {
      const as = 'directory';
      return known(path, undefined, as) ?? make(path, undefined, as, { $case: 'directory', value: true });
    },
    sorted: (some) => order.sorted([...some]),
    get size() {
      return nodes.size;
    },
  };
}

export function nodeSet({ files, ways }: Sight, memory: NodeMemory): NodeSet {
  // A set keeps to what it began with: its paths are of one order, whatever others do meanwhile.
  const known = memory.known !== undefined && memory.known.size < MEMORY_LIMIT ? memory.known : knownNodes();
  memory.known = known;
  const nodes = new Map<string, SentNode>();
  const stepsDone = new Set<object>();
  const addSteps = (path: string, withDirectories: boolean): string | undefined => {
    const way = ways.find(path);
    if (way === undefined) return undefined;
    // Files of one directory share their steps.
    if (withDirectories || !stepsDone.has(way.steps)) {
      stepsDone.add(way.steps);
      for (const step of way.steps) {
        if (step.kind === 'link') nodes.set(step.at, known.link(step.at, step.target));
        else if (withDirectories && !nodes.has(step.at)) nodes.set(step.at, known.directory(step.at));
      }
    }
    return way.real;
  };
  return {
    get size() {
      return nodes.size;
    },
    addFile(path, executable = false) {
      // `a/../b` needs an `a`, be it empty.
      const real = addSteps(path, path.includes('/../'));
      const state = files.digestOf(path);
      if (real === undefined || state === undefined) return false;
      if (nodes.get(real)?.digest === undefined)
        nodes.set(real, known.file(real, state.digest, state.stamp.size, executable));
      return true;
    },
    addDirectory(path) {
      const real = addSteps(path, true);
      if (real !== undefined && !nodes.has(real)) nodes.set(real, known.directory(real));
    },
    sorted: () => known.sorted(nodes.values()),
  };
}
