import { toBytes } from '../../base/byte-string.ts';
import type { Digest } from '../../base/digest.ts';
import type { InputNode } from '../../contract/generated/hybridgrid/v1/build.ts';
import type { FileStates } from '../file-state.ts';
import type { Ways } from '../ways.ts';

/** Files, links and directories that have to exist elsewhere, with everything on the ways that lead to them. */
export interface NodeSet {
  readonly inputs: ReadonlyMap<string, InputNode>;
  /** Real paths of the files among them. */
  readonly files: ReadonlySet<string>;
  /** Where each content is to be read from. */
  readonly contents: ReadonlyMap<Digest, string>;
  /** False if it is no regular file that can be read. */
  addFile(path: string, executable?: boolean): boolean;
  addDirectory(path: string): void;
  /** How many files have this content. */
  timesShipped(digest: Digest | undefined): number;
  /** By path, so that equal sets are equal bytes. */
  sorted(): InputNode[];
}

/**
 * Files as they stand in a message, by real path. Compiles of one project send the same headers: made anew for each, 430
 * nodes with two buffers each were a fifth of all garbage.
 */
export type NodeMemory = Map<string, FileNode>;

interface FileNode {
  readonly digest: Digest;
  readonly executable: boolean;
  readonly node: InputNode;
}

/** Nodes kept at most; some 400 bytes each. */
const MEMORY_LIMIT = 100_000;

export function nodeSet(files: FileStates, ways: Ways, memory: NodeMemory): NodeSet {
  const nodes = new Map<string, InputNode>();
  const contents = new Map<Digest, string>();
  const shipped = new Map<Digest, number>();
  const paths = new Set<string>();
  const stepsDone = new Set<object>();
  const addSteps = (path: string, withDirectories: boolean): string | undefined => {
    const way = ways.find(path);
    if (way === undefined) return undefined;
    // Files of one directory share their steps.
    if (!stepsDone.has(way.steps) || withDirectories) {
      stepsDone.add(way.steps);
      for (const step of way.steps) {
        if (step.kind === 'link')
          nodes.set(step.at, { path: toBytes(step.at), node: { $case: 'linkTarget', value: toBytes(step.target) } });
        else if (withDirectories && !nodes.has(step.at)) nodes.set(step.at, directoryNode(step.at));
      }
    }
    return way.real;
  };
  return {
    inputs: nodes,
    files: paths,
    contents,
    addFile(path, executable = false) {
      // `a/../b` needs an `a`, be it empty.
      const real = addSteps(path, path.includes('/../'));
      const state = files.digestOf(path);
      if (real === undefined || state === undefined) return false;
      if (nodes.get(real)?.node?.$case === 'file') return true;
      const { digest, stamp } = state;
      nodes.set(real, fileNode(memory, real, digest, stamp.size, executable));
      paths.add(real);
      contents.set(digest, real);
      shipped.set(digest, (shipped.get(digest) ?? 0) + 1);
      return true;
    },
    addDirectory(path) {
      const real = addSteps(path, true);
      if (real !== undefined && !nodes.has(real)) nodes.set(real, directoryNode(real));
    },
    timesShipped: (digest) => (digest === undefined ? 0 : (shipped.get(digest) ?? 0)),
    sorted: () => [...nodes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, node]) => node),
  };
}

function fileNode(memory: NodeMemory, path: string, digest: Digest, size: bigint, executable: boolean): InputNode {
  const known = memory.get(path);
  if (known !== undefined && known.digest === digest && known.executable === executable) return known.node;
  const value = { digest: Buffer.from(digest, 'hex'), size, mtimeNs: 0n, executable };
  const node: InputNode = { path: toBytes(path), node: { $case: 'file', value } };
  if (memory.size >= MEMORY_LIMIT) memory.clear();
  memory.set(path, { digest, executable, node });
  return node;
}

function directoryNode(path: string): InputNode {
  return { path: toBytes(path), node: { $case: 'directory', value: true } };
}
