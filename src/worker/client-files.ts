import { chmodSync, constants, copyFileSync, rmSync, utimesSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { fsPath } from '../base/byte-string.ts';
import { makeDirectories } from '../cas/make-directories.ts';
import { errnoOf } from '../cas/unwritable.ts';
import { takingTurns } from '../contract/turns.ts';
import type { Held, WantedBlob } from './blob-cache.ts';
import { type Stamp, stampOf } from './stamps.ts';

/** A file as a compile is to see it. */
export interface WantedFile extends WantedBlob {
  /** Where the compile sees it; a byte string. */
  readonly path: string;
  readonly mtimeNs: bigint;
  readonly executable: boolean;
}

/** Files of this machine that stand for wanted ones, and stay until they are let go. */
export type Laid =
  | {
      readonly kind: 'laid';
      readonly sources: readonly string[];
      /** Names all that this client has laid here since it was last forgotten: no source of it ever changes. */
      readonly home: string;
      release(): void;
    }
  | Exclude<Held, { kind: 'held' }>;

/**
 * Per client, a file of its own for every path and content: two paths never share an inode, because `#pragma once` of
 * clang takes two names of one inode for one file, and what one client sends is never seen by another.
 */
export interface ClientFiles {
  /** The sources are in the order of `files`. `hold` is asked for the blobs of those that are not here yet. */
  lay(
    client: string,
    files: readonly WantedFile[],
    hold: (blobs: readonly WantedBlob[]) => Promise<Held>,
  ): Promise<Laid>;
  /** Removes what no client has asked for in a while. */
  sweep(): void;
  usedBytes(): number;
}

export interface ClientFilesOptions {
  /** Absolute byte string; made if missing. Nobody else's. */
  readonly directory: string;
  /** Of all clients together; may be exceeded by what is in use. */
  readonly limitBytes: number;
  /** A client that was not heard of for so long is forgotten; in milliseconds. */
  readonly idleMs: number;
  readonly now: () => number;
}

interface File {
  /** Empty until it is made. */
  source: string;
  readonly size: number;
  stamp: Stamp | undefined;
  /** When it was last seen to be as it was made. */
  seenAt: number;
  making: Promise<void> | undefined;
}

/** What a client sent, up to the point where it was too much: then a new, empty one takes its place. */
interface Tree {
  readonly directory: string;
  readonly files: Map<string, File>;
  /** Names given to sources. */
  named: number;
  bytes: number;
  users: number;
  usedAt: number;
  retired: boolean;
}

interface Forest {
  readonly options: ClientFilesOptions;
  readonly trees: Map<string, Tree>;
  made: number;
  used: number;
}

const COPIES_AT_ONCE = 16;
const AT_ONCE = 256 << 10;
const HOW = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;

export function clientFiles(options: ClientFilesOptions): ClientFiles {
  const forest: Forest = { options, trees: new Map(), made: 0, used: 0 };
  makeDirectories(options.directory, 0o700);
  return {
    lay: (client, files, hold) => lay(forest, client, files, hold),
    sweep: () => sweep(forest),
    usedBytes: () => forest.used,
  };
}

async function lay(
  forest: Forest,
  client: string,
  wanted: readonly WantedFile[],
  hold: (blobs: readonly WantedBlob[]) => Promise<Held>,
): Promise<Laid> {
  const tree = treeOf(forest, client);
  tree.users += 1;
  const release = (): void => {
    tree.users -= 1;
    tree.usedAt = forest.options.now();
    if (tree.retired) removeIfUnused(tree);
    else makeRoom(forest);
  };
  const files = wanted.map((each) => fileFor(tree, each));
  const now = forest.options.now();
  const lacking = wanted.filter((_, i) => !isHere(files[i] as File, now));
  const trouble = lacking.length === 0 ? undefined : await fill(forest, tree, lacking, hold);
  if (trouble === undefined)
    return { kind: 'laid', sources: files.map((file) => file.source), home: tree.directory, release };
  release();
  return trouble;
}

function treeOf(forest: Forest, client: string): Tree {
  const known = forest.trees.get(client);
  if (known !== undefined) return known;
  forest.made += 1;
  const directory = `${forest.options.directory}/${forest.made}`;
  makeDirectories(directory, 0o700);
  const empty = { files: new Map(), named: 0, bytes: 0, users: 0, retired: false };
  const tree: Tree = { directory, ...empty, usedAt: forest.options.now() };
  forest.trees.set(client, tree);
  return tree;
}

function fileFor(tree: Tree, { path, digest, mtimeNs, executable, size }: WantedFile): File {
  const key = `${path}\0${digest}\0${mtimeNs}\0${executable}`;
  const known = tree.files.get(key);
  if (known !== undefined) return known;
  const file = { source: '', size, stamp: undefined, seenAt: Number.NEGATIVE_INFINITY, making: undefined };
  tree.files.set(key, file);
  return file;
}

function newSource(tree: Tree): string {
  tree.named += 1;
  return `${tree.directory}/${tree.named}`;
}

/**
 * Nobody else writes there, and 300 looks at the disk cost a task more than laying its files: one look in a while finds
 * what somebody tidied away.
 */
const LOOK_AGAIN_MS = 2_000;

function isHere(file: File, now: number): boolean {
  if (file.stamp !== undefined && now - file.seenAt < LOOK_AGAIN_MS) return true;
  file.seenAt = now;
  return isAsMade(file);
}

function isAsMade({ source, stamp }: File): boolean {
  return stamp !== undefined && stampOf(source) === stamp;
}

async function fill(
  forest: Forest,
  tree: Tree,
  lacking: readonly WantedFile[],
  hold: (blobs: readonly WantedBlob[]) => Promise<Held>,
): Promise<Exclude<Laid, { kind: 'laid' }> | undefined> {
  const held = await hold(lacking);
  if (held.kind !== 'held') return held;
  const left = [...lacking];
  const turn = takingTurns();
  const copier = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const file = fileFor(tree, next);
      // Another task of the client may want it, too.
      file.making ??= copy(forest, tree, file, next, held.pathOf(next.digest)).finally(() => {
        file.making = undefined;
      });
      await file.making;
      await turn();
    }
  };
  try {
    await Promise.all(Array.from({ length: COPIES_AT_ONCE }, copier));
    return undefined;
  } catch (error) {
    return { kind: 'failed', why: errnoOf(error) };
  } finally {
    held.release();
  }
}

async function copy(forest: Forest, tree: Tree, file: File, wanted: WantedFile, blob: string): Promise<void> {
  if (isAsMade(file)) return;
  if (file.source !== '') rmSync(fsPath(file.source), { force: true });
  // What was damaged may still be shown somewhere: a source of another name is another file.
  file.source = newSource(tree);
  const source = fsPath(file.source);
  // A header takes 40 us at once and ten times that by way of the thread pool.
  if (file.size <= AT_ONCE) copyFileSync(fsPath(blob), source, HOW);
  else await copyFile(fsPath(blob), source, HOW);
  if (wanted.executable) chmodSync(source, 0o555);
  // As a double it is exact to some 200 ns: gcc compares whole seconds.
  const seconds = Number(wanted.mtimeNs) / 1e9;
  utimesSync(source, seconds, seconds);
  if (file.stamp === undefined && !tree.retired) {
    tree.bytes += file.size;
    forest.used += file.size;
  }
  file.stamp = stampOf(file.source);
}

/** The least recently used go first; one that is at work, if it is too large alone, begins anew. */
function makeRoom(forest: Forest): void {
  if (forest.used <= forest.options.limitBytes) return;
  const inUse = (tree: Tree): number => (tree.users > 0 ? 1 : 0);
  const byUse = [...forest.trees].sort(([, a], [, b]) => inUse(a) - inUse(b) || a.usedAt - b.usedAt);
  for (const [client, tree] of byUse) {
    if (forest.used <= forest.options.limitBytes) return;
    retire(forest, client, tree);
  }
}

function sweep(forest: Forest): void {
  const { now, idleMs } = forest.options;
  for (const [client, tree] of forest.trees)
    if (tree.users === 0 && now() - tree.usedAt >= idleMs) retire(forest, client, tree);
}

/** What is retired counts no more, though whoever still uses it keeps it on the disk until he is done. */
function retire(forest: Forest, client: string, tree: Tree): void {
  forest.trees.delete(client);
  tree.retired = true;
  forest.used -= tree.bytes;
  removeIfUnused(tree);
}

function removeIfUnused(tree: Tree): void {
  if (tree.users > 0) return;
  // What cannot be removed now goes with everything else when a worker starts here again.
  rm(fsPath(tree.directory), { recursive: true, force: true }).catch(errnoOf);
}
