import { forDisplay, fromBytes } from '../base/byte-string.ts';
import type { RefusalReason } from '../base/refusal.ts';
import type { Entry } from '../cache/manifest.ts';
import { stripColour } from '../compiler/colour.ts';
import type { Output } from '../compiler/invocation.ts';
import { type Delivery, encodeHit, type Opening } from './answers.ts';
import type { Caches, OpenCache } from './caches.ts';
import { type Described, type DescribeServices, type Description, describeCompile } from './describe.ts';
import { snapshotOf } from './file-snapshot.ts';
import { findProof, type Proof } from './lookup.ts';
import { type CompilePlan, planCompile, wantsColour } from './plan.ts';
import type { PreparedAnswer, PreparedAnswers } from './prepared-answers.ts';
import { discard } from './read-files.ts';
import type { Sessions } from './sessions.ts';
import { leftovers, type StoreServices, storeResult } from './store-result.ts';
import type { CompileEnded, CompileRequest } from './wire.ts';

/** What a launcher is told to do. `reason` undefined: the call is no compile. */
export type Offer =
  | { readonly kind: 'hit'; readonly answer: PreparedAnswer }
  | {
      readonly kind: 'compile';
      readonly description: Description;
      readonly plan: CompilePlan;
      readonly note: string;
      readonly cache: OpenCache;
    }
  | {
      readonly kind: 'run';
      readonly reason: RefusalReason | undefined;
      readonly note: string;
      readonly cache: OpenCache;
    };

/** A compile that a launcher was told to run and report. */
export type Compiling = Extract<Offer, { kind: 'compile' }>;

/** Decides and learns; knows nothing of sockets. */
export interface Engine {
  /** An answer that was right last time and carries its own proof. */
  prepared(memoKey: string): PreparedAnswer | undefined;
  offer(request: CompileRequest): Promise<Offer>;
  delivered(session: string, answer: PreparedAnswer): void;
  /** Some checks of an offered hit failed: it must be thought over. */
  doubted(memoKey: string, answer: PreparedAnswer, checks: readonly number[]): void;
  /** A blob was missing or damaged. */
  damaged(memoKey: string, answer: PreparedAnswer, output: number): void;
  ended(session: string, compiling: Compiling, ended: CompileEnded): void;
  /** A launcher died while compiling. */
  abandoned(session: string, compiling: Compiling): void;
  /** The launcher was told to become the compiler. `reason` undefined: the call is no compile. */
  ran(session: string, reason: RefusalReason | undefined, cache: OpenCache | undefined): void;
  /** Resolves when nothing is being stored any more. */
  settled(): Promise<void>;
  readonly storing: number;
}

export interface EngineServices extends DescribeServices, StoreServices {
  readonly caches: Caches;
  readonly defaultCache: OpenCache;
  readonly prepared: PreparedAnswers;
  readonly sessions: Sessions;
  readonly churning: Set<string>;
  readonly log: (message: string, details: object) => void;
}

const NO_COMPILES: ReadonlySet<RefusalReason> = new Set(['link', 'preprocess-only', 'no-source']);

export function engine(services: EngineServices): Engine {
  const { sessions, prepared, churning } = services;
  let storing = 0;
  let stores: Promise<void> = Promise.resolve();

  /** One after the other, so that a burst of endings does not make the next hit wait for all of them. */
  const enqueue = (work: () => Promise<void>): void => {
    storing += 1;
    stores = stores
      .then(() => new Promise<void>((resolve) => setImmediate(resolve)))
      .then(work)
      .catch((error: unknown) => services.log('storing a result failed', { error: String(error) }))
      .finally(() => {
        storing -= 1;
      });
  };

  return {
    prepared: (memoKey) => prepared.get(memoKey),
    offer: (request) => offer(request, services),
    delivered(session, { cache, compileMs, blobs, key }) {
      cache.statistics.count('hits');
      cache.statistics.add('savedMs', compileMs);
      sessions.hit(session, compileMs);
      for (const digest of blobs) cache.blobs.touch(digest);
      cache.manifests.touch(key);
    },
    doubted(memoKey, answer, checks) {
      prepared.drop(memoKey);
      for (const index of checks) {
        const directory = answer.directoryChecks.get(index);
        if (directory !== undefined) churning.add(directory);
      }
    },
    damaged(memoKey, { cache, outputs }, output) {
      prepared.drop(memoKey);
      cache.statistics.count('badBlobs');
      const digest = outputs[output];
      if (digest !== undefined) cache.blobs.drop(digest);
    },
    ended(session, compiling, ended) {
      sessions.local(session);
      compiling.cache.statistics.count('misses');
      compiling.cache.statistics.add('compileMs', Number(ended.endedNs - ended.startedNs) / 1e6);
      // A failed compile is not kept: what it would take to prove that it fails again is not known.
      if (ended.status === 0) enqueue(() => store(compiling, ended, services));
      else discard(leftovers(compiling.plan));
    },
    abandoned(session, { plan }) {
      sessions.local(session);
      discard(leftovers(plan));
    },
    ran(session, reason, cache) {
      const { statistics } = cache ?? services.defaultCache;
      if (reason === undefined) statistics.count('notCompiles');
      else statistics.refused(reason);
      // A link or a preprocessor run has its name in the statistics, but a build's summary speaks of compiles.
      if (reason === undefined || NO_COMPILES.has(reason)) sessions.notCompile(session);
      else sessions.refused(session, reason);
    },
    settled: () => stores,
    get storing() {
      return storing;
    },
  };
}

async function store(
  { description, plan, cache }: Compiling,
  ended: CompileEnded,
  services: EngineServices,
): Promise<void> {
  const outcome = await storeResult(description, plan, ended, cache, services);
  const { source } = description.invocation;
  if (outcome.kind === 'stored') {
    cache.statistics.count('stored');
    cache.statistics.add('bytesWritten', outcome.bytes);
  } else {
    cache.statistics.storeFailed(outcome.reason);
    services.log('not stored', { source, reason: outcome.reason, detail: outcome.detail });
  }
  const key = outcome.kind === 'stored' ? { key: description.key } : {};
  cache.sources.remember(source, { ...description.request, ...key });
}

async function offer(request: CompileRequest, services: EngineServices): Promise<Offer> {
  const described = await describeCompile(request, services);
  const directory = described.settings?.['cache.dir'];
  const cache = directory === undefined ? services.defaultCache : await services.caches.at(directory);
  const run = (reason: RefusalReason): Offer => ({
    kind: 'run',
    reason,
    note: refusalNote(request, described, reason),
    cache,
  });
  if (described.kind === 'not-a-compile') return { kind: 'run', reason: undefined, note: '', cache };
  if (described.kind === 'refused') return run(described.reason);
  const { settings } = described;
  const hit = settings['cache.recache'] ? undefined : await findHit(described, cache, services);
  if (hit !== undefined) return { kind: 'hit', answer: hit };
  if (settings['cache.read_only']) return run('read-only');
  const plan = planCompile(described, cache.blobs);
  if ('kind' in plan) return run('cache-unwritable');
  return { kind: 'compile', description: described, plan, note: note(described, '[local]'), cache };
}

function refusalNote(request: CompileRequest, described: Described, reason: RefusalReason): string {
  if (described.settings?.['compile.verbose'] !== true) return '';
  const source = described.kind === 'compile' ? described.invocation.source : likelySource(request.args);
  return `[local: ${reason}] ${source}\n`;
}

/** For a line that was not understood: the last word that looks like a file. */
function likelySource(args: readonly string[]): string {
  return args.findLast((arg) => /^[^-].*\.\w+$/.test(arg) && !arg.endsWith('.o')) ?? '';
}

function note({ settings, invocation }: Description, what: string): string {
  return settings['compile.verbose'] ? `${what} ${invocation.source}\n` : '';
}

async function findHit(
  description: Description,
  cache: OpenCache,
  services: EngineServices,
): Promise<PreparedAnswer | undefined> {
  const manifest = cache.manifests.read(description.key);
  if (manifest === undefined) return undefined;
  const now = { churning: services.churning, files: snapshotOf(services.files) };
  const proof = findProof(manifest, description, now);
  if (proof === undefined) return undefined;
  const answer = await prepare(description, proof, cache);
  if (answer !== undefined && proof.lasting) services.prepared.set(description.request.memoKey, answer);
  return answer;
}

/** Builds the frame of a hit. Undefined if a blob is gone. */
async function prepare(
  description: Description,
  { entry, checks, directoryChecks }: Proof,
  cache: OpenCache,
): Promise<PreparedAnswer | undefined> {
  const outputs: Delivery[] = [];
  for (const wanted of description.invocation.outputs) {
    const stored = entry.outputs.find((output) => output.role === wanted.role);
    if (stored === undefined && wanted.required) return undefined;
    if (stored === undefined) continue;
    const blob = await cache.blobs.locate(stored.ref);
    if (blob === undefined) return undefined;
    const { size, checksum } = stored.ref;
    outputs.push({ blob, size, checksum, dest: wanted.path, opening: openingOf(wanted, description) });
  }
  const stderr = await diagnostics(entry, description, cache);
  if (stderr === undefined) return undefined;
  // The main output last: make must not see the object before its depfile is there.
  const ordered = outputs.toReversed();
  const digests = entry.outputs.map((output) => output.ref.digest);
  return {
    frame: encodeHit({ note: note(description, '[hit]'), checks, outputs: ordered, stderr }),
    directoryChecks,
    cache,
    key: description.key,
    blobs: digests,
    outputs: ordered.map((output) => digestOfBlob(output, entry)),
    compileMs: entry.compileMs,
  };
}

/** Seen by strace: gcc 12 with binutils 2.40, clang 14. */
function openingOf({ role }: Output, { invocation }: Description): Opening {
  if (role === 'object') return invocation.externalAssembler ? 'like-bfd' : 'like-rename';
  if (role === 'assembly') return invocation.family === 'clang' ? 'like-rename' : 'in-place';
  if (role === 'dwo') return invocation.family === 'clang' ? 'like-rename' : 'like-bfd';
  return 'in-place';
}

function digestOfBlob(delivery: Delivery, entry: Entry): PreparedAnswer['key'] {
  const found = entry.outputs.find(({ ref }) => delivery.checksum === ref.checksum && delivery.size === ref.size);
  if (found === undefined) throw new Error(`no stored output for ${forDisplay(delivery.dest)}`);
  return found.ref.digest;
}

/** The stored diagnostics as this terminal should see them. */
async function diagnostics(entry: Entry, description: Description, cache: OpenCache): Promise<string | undefined> {
  let text = entry.stderr.kind === 'inline' ? entry.stderr.text : undefined;
  if (entry.stderr.kind === 'blob') {
    const bytes = await cache.blobs.read(entry.stderr.ref);
    text = bytes === undefined ? undefined : fromBytes(bytes);
  }
  if (text === undefined) return undefined;
  return entry.colour === 'coloured' && !wantsColour(description) ? stripColour(text) : text;
}
