import { readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { fsPath } from '../base/byte-string.ts';
import { type Digest, parseDigest, sha256 } from '../base/digest.ts';
import { removeQuietly } from '../cas/atomic-write.ts';
import { makeDirectories } from '../cas/make-directories.ts';
import { errnoOf } from '../cas/unwritable.ts';
import { PACKED_BLOB_LIMIT, packsOf } from '../contract/blob-pack.ts';
import { takingTurns } from '../contract/turns.ts';
import type { BlobServer, Transfer } from './blob-server.ts';
import { digestFile, type Stamp, stampOf } from './stamps.ts';

export interface WantedBlob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** Blobs that are here, and stay until they are let go. */
export type Held =
  | { readonly kind: 'held'; pathOf(digest: Digest): string; release(): void }
  /** The other end lacks these. */
  | { readonly kind: 'absent'; readonly digests: readonly Digest[] }
  | { readonly kind: 'failed'; readonly why: string };

/** Blobs on this machine's disk, the least recently used going first. Every one was proved by its digest. */
export interface BlobCache {
  /** Fetches what is lacking; a blob that several ask for at once is fetched once. */
  hold(wanted: readonly WantedBlob[], from: BlobServer): Promise<Held>;
  usedBytes(): number;
}

interface Entry {
  readonly size: number;
  /** The file when its digest was last found right; undefined after a restart. */
  proved: Stamp | undefined;
}

interface Shelf {
  readonly directory: string;
  readonly limitBytes: number;
  /** In the order of use. */
  readonly entries: Map<Digest, Entry>;
  readonly fetching: Map<Digest, Promise<Transfer>>;
  /** How many want each blob to stay. */
  readonly holders: Map<Digest, number>;
  used: number;
  fetched: number;
}

/**
 * @param directory absolute byte string; made if missing
 * @param limitBytes may be exceeded by what is held
 */
export function openBlobCache(directory: string, limitBytes: number): BlobCache {
  const empty = { entries: new Map(), fetching: new Map(), holders: new Map(), used: 0, fetched: 0 };
  const shelf: Shelf = { directory, limitBytes, ...empty };
  for (const first of '0123456789abcdef') makeDirectories(`${directory}/${first}`, 0o700);
  load(shelf);
  evict(shelf);
  return { hold: (wanted, from) => hold(shelf, wanted, from), usedBytes: () => shelf.used };
}

async function hold(shelf: Shelf, wanted: readonly WantedBlob[], from: BlobServer): Promise<Held> {
  for (const { digest } of wanted) shelf.holders.set(digest, (shelf.holders.get(digest) ?? 0) + 1);
  const held = wanted.map(({ digest }) => digest);
  const release = (): void => {
    for (const digest of held.splice(0)) letGo(shelf, digest);
    evict(shelf);
  };
  const proved = await Promise.all(wanted.map(({ digest }) => isProved(shelf, digest)));
  const lacking = wanted.filter(({ digest }, i) => proved[i] === false && !shelf.fetching.has(digest));
  fetchTogether(shelf, lacking, from);
  const transfers = await Promise.all(wanted.map((blob) => obtain(shelf, blob, from)));
  const failed = transfers.find((transfer) => transfer.kind === 'failed');
  const absent = wanted.filter((_, i) => transfers[i]?.kind === 'absent').map(({ digest }) => digest);
  if (failed === undefined && absent.length === 0)
    return { kind: 'held', pathOf: (digest) => pathOf(shelf, digest), release };
  release();
  return failed ?? { kind: 'absent', digests: absent };
}

function letGo(shelf: Shelf, digest: Digest): void {
  const others = (shelf.holders.get(digest) ?? 1) - 1;
  if (others > 0) shelf.holders.set(digest, others);
  else shelf.holders.delete(digest);
}

/** Small ones by the hundred: a request for each would cost both ends half a millisecond. */
function fetchTogether(shelf: Shelf, lacking: readonly WantedBlob[], from: BlobServer): void {
  const small = lacking.filter(({ size }) => size <= PACKED_BLOB_LIMIT);
  if (small.length < 2) return;
  for (const pack of packsOf(small, ({ size }) => size)) {
    const arrived = fetchPack(shelf, pack, from);
    for (const blob of pack) {
      // What is lacking in the pack, or wrong, is asked for alone.
      const one = arrived.then((came) =>
        came.has(blob.digest) ? ({ kind: 'done' } as const) : fetchBlob(shelf, blob, from),
      );
      shelf.fetching.set(blob.digest, one);
    }
  }
}

/** Those that came and were kept. */
async function fetchPack(shelf: Shelf, pack: readonly WantedBlob[], from: BlobServer): Promise<ReadonlySet<Digest>> {
  const came = new Set<Digest>();
  const wanted = new Map(pack.map(({ digest, size }) => [digest, size]));
  const turn = takingTurns();
  for (const { digest, data } of (await from.downloadPack([...wanted.keys()])) ?? []) {
    await turn();
    if (wanted.get(digest) !== data.length || sha256(data) !== digest) continue;
    const tmp = tmpOf(shelf);
    try {
      writeFileSync(fsPath(tmp), data, { flag: 'wx', mode: 0o444 });
    } catch (error) {
      errnoOf(error);
      removeQuietly(tmp);
      continue;
    }
    if (settle(shelf, { digest, size: data.length }, tmp).kind === 'done') came.add(digest);
  }
  return came;
}

async function obtain(shelf: Shelf, blob: WantedBlob, from: BlobServer): Promise<Transfer> {
  const { digest, size } = blob;
  if (!(await isProved(shelf, digest))) {
    const running = shelf.fetching.get(digest) ?? fetchBlob(shelf, blob, from);
    shelf.fetching.set(digest, running);
    const transfer = await running.finally(() => shelf.fetching.delete(digest));
    if (transfer.kind !== 'done') return transfer;
  }
  const entry = shelf.entries.get(digest);
  if (entry?.size !== size) return { kind: 'failed', why: 'of another size than promised' };
  shelf.entries.delete(digest);
  shelf.entries.set(digest, entry);
  return { kind: 'done' };
}

/** Is the blob here and, if anything happened to its file, still what its name says? */
async function isProved(shelf: Shelf, digest: Digest): Promise<boolean> {
  const entry = shelf.entries.get(digest);
  if (entry === undefined) return false;
  const path = pathOf(shelf, digest);
  const now = stampOf(path);
  if (now !== undefined && now === entry.proved) return true;
  const found = now === undefined ? undefined : await digestFile(path);
  if (found?.digest === digest) {
    entry.proved = found.stamp;
    return true;
  }
  forget(shelf, digest, entry);
  return false;
}

async function fetchBlob(shelf: Shelf, { digest, size }: WantedBlob, from: BlobServer): Promise<Transfer> {
  const tmp = tmpOf(shelf);
  const transfer = await from.download(digest, size, tmp);
  return transfer.kind === 'done' ? settle(shelf, { digest, size }, tmp) : transfer;
}

function tmpOf(shelf: Shelf): string {
  shelf.fetched += 1;
  const tmp = `${shelf.directory}/${process.pid}-${shelf.fetched}.tmp`;
  removeQuietly(tmp);
  return tmp;
}

/** Puts a file that was proved by its digest in its place. */
function settle(shelf: Shelf, { digest, size }: WantedBlob, tmp: string): Transfer {
  const path = pathOf(shelf, digest);
  try {
    renameSync(fsPath(tmp), fsPath(path));
  } catch (error) {
    removeQuietly(tmp);
    return { kind: 'failed', why: errnoOf(error) };
  }
  shelf.used += size - (shelf.entries.get(digest)?.size ?? 0);
  shelf.entries.set(digest, { size, proved: stampOf(path) });
  return { kind: 'done' };
}

function evict(shelf: Shelf): void {
  for (const [digest, entry] of shelf.entries) {
    if (shelf.used <= shelf.limitBytes) return;
    if (!shelf.holders.has(digest)) forget(shelf, digest, entry);
  }
}

function forget(shelf: Shelf, digest: Digest, entry: Entry): void {
  if (shelf.entries.get(digest) !== entry) return;
  shelf.entries.delete(digest);
  shelf.used -= entry.size;
  removeQuietly(pathOf(shelf, digest));
}

function pathOf({ directory }: Shelf, digest: Digest): string {
  return `${directory}/${digest.slice(0, 1)}/${digest}`;
}

/** What earlier processes left, oldest first: not proved yet. Unfinished files go. */
function load(shelf: Shelf): void {
  const found: { digest: Digest; size: number; time: number }[] = [];
  for (const shard of readdirSync(fsPath(shelf.directory))) {
    if (shard.endsWith('.tmp')) removeLeftover(`${shelf.directory}/${shard}`);
    else for (const name of readdirSync(fsPath(`${shelf.directory}/${shard}`))) found.push(...describe(shelf, name));
  }
  for (const { digest, size } of found.sort((a, b) => a.time - b.time)) {
    shelf.entries.set(digest, { size, proved: undefined });
    shelf.used += size;
  }
}

/** Another worker of the same directory may still be writing: only what is old was left behind. */
function removeLeftover(path: string): void {
  const found = statSync(fsPath(path), { throwIfNoEntry: false });
  if (found !== undefined && Date.now() - found.mtimeMs > 3_600_000) removeQuietly(path);
}

function describe(shelf: Shelf, name: string): { digest: Digest; size: number; time: number }[] {
  const digest = parseDigest(name);
  if (digest === undefined) return [];
  const found = statSync(fsPath(pathOf(shelf, digest)), { throwIfNoEntry: false });
  return found?.isFile() === true ? [{ digest, size: found.size, time: found.mtimeMs }] : [];
}
