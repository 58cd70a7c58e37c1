import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { type Digest, sha256 } from '../../base/digest.ts';
import type { CompileResult, OutputFile } from '../../contract/generated/hybridgrid/v1/build.ts';
import { decodeStoredResult, encodeWholeResult } from '../../contract/stored-result.ts';
import { type Outage, outage } from '../../storage/outage.ts';
import { type EntryKey, remedyFor, type Store, type StoreTrouble } from '../../storage/store.ts';
import type { Grid, GridAnswer } from './grid.ts';

export interface StorageGrid extends Grid {
  /** Whether what is reported is stored anywhere just now. */
  isWriting(): boolean;
}

/** A result with what is inside it; larger outputs are entries of their own. In bytes. */
const RESULT_LIMIT = 8 << 20;
/** No output is larger, here as in share-result.ts. In bytes. */
const CONTENT_LIMIT = 64 << 20;
/** A compiler leaves an object, a depfile and a few more; it says what it read in two lists. */
const MOST_PARTS = 16;
/** To learn after so long that nothing is there is more than a miss may cost. In milliseconds. */
const SLOW_MS = 300;

const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const COMPRESS_ABOVE = 1024;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

const declined = (reason: string): GridAnswer => ({ kind: 'declined', reason, detail: '' });

type Log = (message: string, details: object) => void;

/** One storage, and whether it may be asked and filled: a full one still answers. */
interface Kept {
  readonly store: Store;
  readonly reading: Outage;
  readonly writing: Outage;
}

/**
 * Storages that only keep results, as the shared cache of a coordinator does: what is asked is the digest of everything
 * that decides the result, so that an entry needs no conditions of its own. Nobody's word is taken for what comes back:
 * here for its digests, and in remote-compile.ts for what the compile read.
 */
export function storageGrid(stores: readonly Store[], log: Log): StorageGrid {
  const now = (): number => performance.now();
  const all: readonly Kept[] = stores.map((store) => ({
    store,
    reading: outage({ probe: () => isBack(store), now }),
    // Whether there is room again is seen only by storing something, for which nobody waits.
    writing: outage({ now }),
  }));
  const writable = all.filter(({ store }) => !store.readOnly);
  return {
    compiles: false,
    isWorthAsking: () => all.some(({ reading }) => reading.isGood()),
    isWriting: () => writable.some(({ writing }) => writing.isGood()),
    async compile({ action }, { ignoreStored, signal }) {
      if (ignoreStored) return declined('not-stored');
      for (const one of all) {
        if (signal.aborted) return declined('cancelled');
        const result = one.reading.isGood() ? await lookUp(one, action, log) : undefined;
        if (result !== undefined) return { kind: 'result', result, from: 'storage' };
      }
      return declined('not-stored');
    },
    // Results come with everything that belongs to them.
    fetch: () => Promise.resolve(undefined),
    async report(action, result, contentOf) {
      for (const one of writable) if (one.writing.isGood()) await keep(one, action, result, contentOf, log);
    },
    // It has no workers, and nobody there judges.
    reportMismatch: () => Promise.resolve(),
    capacity: () => undefined,
    close() {
      for (const { store } of all) store.close();
    },
  };
}

/** A question whose answer is no: nothing has this digest. */
const NOTHING: EntryKey = { kind: 'result', digest: '0'.repeat(64) as Digest };

async function isBack(store: Store): Promise<boolean> {
  const waited = waiting();
  const answer = await store.get(NOTHING, RESULT_LIMIT);
  return answer.kind !== 'trouble' && waited() < SLOW_MS;
}

/** Measures how long we waited from here on, in milliseconds: time in which we were at work ourselves is not theirs. */
function waiting(): () => number {
  const before = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(before).idle;
}

function lost(way: Outage, trouble: StoreTrouble, log: Log, what = 'the remote storage cannot be used'): void {
  const { at, cause, detail } = trouble;
  if (way.lose()) log(what, { at, cause, detail, remedy: remedyFor(trouble) });
}

function notStored(way: Outage, trouble: StoreTrouble, log: Log): void {
  lost(way, trouble, log, 'nothing can be stored in the remote storage');
}

/** The result, whole and true to its digests; undefined where there is none, or what there is is worth nothing. */
async function lookUp({ store, reading }: Kept, action: Digest, log: Log): Promise<CompileResult | undefined> {
  const waited = waiting();
  const answer = await store.get({ kind: 'result', digest: action }, RESULT_LIMIT);
  if (answer.kind === 'trouble') lost(reading, answer, log);
  const read = answer.kind === 'found' ? decode(action, answer.bytes) : undefined;
  if (answer.kind === 'found' && read === undefined) lost(reading, untrue(store, 'a damaged result'), log);
  const whole = read === undefined ? undefined : await withContents(read, store);
  if (whole !== undefined && 'kind' in whole) {
    lost(reading, whole, log);
    return undefined;
  }
  const took = waited();
  // What takes longer than the compile it saves is no help.
  if (took > Math.max(SLOW_MS, whole?.compileMs ?? 0)) lost(reading, late(store, took), log);
  else if (answer.kind !== 'trouble' && (answer.kind === 'absent' || whole !== undefined)) reading.worked();
  return whole;
}

function decode(action: Digest, bytes: Buffer): CompileResult | undefined {
  const result = decodeStoredResult(Buffer.from(action, 'hex'), bytes);
  if (result === undefined || result.exitCode !== 0) return undefined;
  if (result.outputs.length > MOST_PARTS || result.lists.length > MOST_PARTS) return undefined;
  return result;
}

/** Undefined where a content is not there any more. */
async function withContents(result: CompileResult, store: Store): Promise<CompileResult | StoreTrouble | undefined> {
  const outputs = await Promise.all(result.outputs.map((output) => withContent(output, store)));
  const trouble = outputs.find((output) => output !== undefined && 'kind' in output);
  if (trouble !== undefined) return trouble as StoreTrouble;
  return outputs.includes(undefined) ? undefined : { ...result, outputs: outputs as OutputFile[] };
}

async function withContent(output: OutputFile, store: Store): Promise<OutputFile | StoreTrouble | undefined> {
  if (!output.present || output.size === 0n || output.data.length > 0) return output;
  const size = Number(output.size);
  const digest = output.digest.toString('hex') as Digest;
  if (size > CONTENT_LIMIT) return untrue(store, 'an output that is too large');
  // What zstd cannot shrink it makes a little longer.
  const answer = await store.get({ kind: 'content', digest }, size + (size >> 7) + COMPRESS_ABOVE);
  if (answer.kind === 'absent') return undefined;
  if (answer.kind === 'trouble') return answer;
  const data = await plainContent(answer.bytes, digest, size);
  return data === undefined ? untrue(store, 'an output that is not what its digest says') : { ...output, data };
}

/** The content, stored as it is or compressed: whichever has the digest. */
async function plainContent(bytes: Buffer, digest: Digest, size: number): Promise<Buffer | undefined> {
  if (bytes.length === size && sha256(bytes) === digest) return bytes;
  try {
    const content = await decompress(bytes, { maxOutputLength: size });
    return content.length === size && sha256(content) === digest ? content : undefined;
  } catch {
    return undefined;
  }
}

function untrue({ shown }: Store, detail: string): StoreTrouble {
  return { kind: 'trouble', cause: 'strange', at: shown, detail };
}

function late({ shown }: Store, ms: number): StoreTrouble {
  return { kind: 'trouble', cause: 'late', at: shown, detail: `${Math.round(ms)} ms for an answer` };
}

/** The contents first: a result that is there is whole. */
async function keep(
  { store, writing }: Kept,
  action: Digest,
  result: CompileResult,
  contentOf: Parameters<Grid['report']>[2],
  log: Log,
): Promise<void> {
  const apart = result.outputs.filter(({ present, data, size }) => present && data.length === 0 && size > 0n);
  for (const output of apart) {
    const done = await storeContent(store, output.digest.toString('hex') as Digest, contentOf);
    if (done === true) continue;
    if (done !== undefined) notStored(writing, done, log);
    return;
  }
  const bytes = encodeWholeResult(Buffer.from(action, 'hex'), result);
  if (bytes.length > RESULT_LIMIT) return;
  const trouble = await store.put({ kind: 'result', digest: action }, bytes);
  if (trouble === undefined) writing.worked();
  else notStored(writing, trouble, log);
}

/** True where it is there now; undefined where this machine has lost it. */
async function storeContent(
  store: Store,
  digest: Digest,
  contentOf: Parameters<Grid['report']>[2],
): Promise<true | StoreTrouble | undefined> {
  const key: EntryKey = { kind: 'content', digest };
  const known = await store.has(key);
  if (known !== false) return known;
  const content = await contentOf(digest);
  if (content === undefined) return undefined;
  const isPlain = store.wantsPlain || content.length <= COMPRESS_ABOVE;
  return (await store.put(key, isPlain ? content : await compress(content, LEVEL))) ?? true;
}
