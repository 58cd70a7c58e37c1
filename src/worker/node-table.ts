import { fromBytes } from '../base/byte-string.ts';
import { type Digest, parseDigest } from '../base/digest.ts';
import type { FileNode, InputNode } from '../contract/generated/hybridgrid/v1/build.ts';
import type { WantedFile } from './client-files.ts';

/** What exists while a compile runs, by absolute path; nothing else does. Byte strings. */
export interface NodeTable {
  readonly files: ReadonlyMap<string, WantedFile>;
  /** With their targets, as the links hold them. */
  readonly links: ReadonlyMap<string, string>;
  readonly directories: ReadonlySet<string>;
}

/** Why a task is not taken: it is nothing that a client of ours sends. */
export interface NotAcceptable {
  readonly kind: 'not-acceptable';
  readonly detail: string;
}

export const notAcceptable = (detail: string): NotAcceptable => ({ kind: 'not-acceptable', detail });

/** In bytes: what no single file of a compile exceeds. */
const MAX_FILE = 1 << 30;
const MAX_PATH = 4096;
/** Paths where the sandbox has things of its own. */
const OWN_PLACES = /^\/(?:proc|dev|tmp\/\.hg-[^/]*)(?:\/|$)/;

/** Absolute, and without anything that leads elsewhere: components that are empty or dots, a slash at the end, NUL. */
export function isTidy(path: string): boolean {
  return path.length < MAX_PATH && /^(?:\/(?!\.{0,2}(?:\/|$))[^/\0]{1,255})+$/.test(path);
}

/** Is it tidy, and not where the sandbox has something of its own? */
export function isFree(path: string): boolean {
  return isTidy(path) && !OWN_PLACES.test(path);
}

/** Reads nodes from the wire; the same thing said twice is said once. */
export function readNodes(nodes: readonly InputNode[]): NodeTable | NotAcceptable {
  const files = new Map<string, WantedFile>();
  const links = new Map<string, string>();
  const directories = new Set<string>();
  for (const { path: bytes, node } of nodes) {
    const path = fromBytes(bytes);
    if (node?.$case === 'directory' && path === '/') continue;
    if (!isFree(path)) return notAcceptable(`path ${path}`);
    if (node?.$case === 'directory') directories.add(path);
    else if (node?.$case === 'linkTarget') {
      const target = fromBytes(node.value);
      if (path === '/tmp' || target === '' || target.length >= MAX_PATH || target.includes('\0'))
        return notAcceptable(`link ${path}`);
      if ((links.get(path) ?? target) !== target) return notAcceptable(`two links ${path}`);
      links.set(path, target);
    } else {
      const file = node === undefined ? undefined : readFile(path, node.value);
      if (file === undefined || path === '/tmp') return notAcceptable(`file ${path}`);
      if ((files.get(path)?.digest ?? file.digest) !== file.digest) return notAcceptable(`two files ${path}`);
      if (!files.has(path)) files.set(path, file);
    }
  }
  return { files, links, directories };
}

function readFile(path: string, { digest, size, mtimeNs, executable }: FileNode): WantedFile | undefined {
  const name = readDigest(digest);
  if (name === undefined || size > BigInt(MAX_FILE)) return undefined;
  return { path, digest: name, size: Number(size), mtimeNs, executable };
}

function readDigest(bytes: Buffer): Digest | undefined {
  return parseDigest(bytes.toString('hex'));
}

/** Two tables as one; the first one's word counts, and they must not disagree. */
export function joinTables(a: NodeTable, b: NodeTable): NodeTable | NotAcceptable {
  for (const [path, { digest }] of b.files)
    if ((a.files.get(path)?.digest ?? digest) !== digest) return notAcceptable(`two files ${path}`);
  for (const [path, target] of b.links)
    if ((a.links.get(path) ?? target) !== target) return notAcceptable(`two links ${path}`);
  const joined: NodeTable = {
    files: new Map([...b.files, ...a.files]),
    links: new Map([...b.links, ...a.links]),
    directories: new Set([...a.directories, ...b.directories]),
  };
  return disagreement(joined) ?? joined;
}

/** A path that would have to be two things at once: a file or link that something else lies below, or is as well. */
function disagreement({ files, links, directories }: NodeTable): NotAcceptable | undefined {
  const above = new Set<string>();
  for (const path of [...files.keys(), ...links.keys(), ...directories]) addParents(path, above);
  for (const path of directories) above.add(path);
  for (const path of links.keys()) if (above.has(path) || files.has(path)) return notAcceptable(`two things ${path}`);
  for (const path of files.keys()) if (above.has(path)) return notAcceptable(`two things ${path}`);
  return undefined;
}

function addParents(path: string, to: Set<string>): void {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const parent = path.slice(0, slash);
    if (to.has(parent)) return;
    to.add(parent);
  }
}

/** Where a path leads in such a tree. */
export interface Led {
  /** Without links and dots; tidy, or `/`. */
  readonly real: string;
  /** Directories that are only passed, by `..`: they have to exist. */
  readonly passed: readonly string[];
}

/** As many as the kernel follows in one path. */
const MAX_LINKS = 40;

/** Follows an absolute path as the kernel would. What no table names is taken for a directory. */
export function follow(path: string, { links }: NodeTable): Led | undefined {
  const left = path.split('/').reverse();
  const passed: string[] = [];
  let real = '';
  let followed = 0;
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (real !== '') passed.push(real);
      real = real.slice(0, Math.max(0, real.lastIndexOf('/')));
      continue;
    }
    const target = links.get(`${real}/${name}`);
    if (target === undefined) {
      real = `${real}/${name}`;
      continue;
    }
    followed += 1;
    if (followed > MAX_LINKS) return undefined;
    if (target.startsWith('/')) real = '';
    left.push(...target.split('/').reverse());
  }
  return { real: real === '' ? '/' : real, passed };
}
