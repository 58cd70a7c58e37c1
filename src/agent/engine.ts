import { forDisplay, fromBytes } from '../base/byte-string.ts';
import type { RefusalReason } from '../base/refusal.ts';
import type { Entry } from '../cache/manifest.ts';
import { stripColour } from '../compiler/colour.ts';
import { type Delivery, encodeHit } from './answers.ts';
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
  | { readonly kind: 'compile'; readonly description: Description; readonly plan: CompilePlan; readonly note: string }
  | { readonly kind: 'run'; readonly reason: RefusalReason | undefined; readonly note: string };

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
  /** A compile that was told to report has ended. */
  ended(session: string, description: Description, plan: CompilePlan, ended: CompileEnded): void;
  /** A launcher died while compiling. */
  abandoned(session: string, plan: CompilePlan): void;
  countRefusal(session: string, reason: RefusalReason): void;
  countNotCompile(session: string): void;
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
  const statistics = services.defaultCache.statistics;
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
    delivered(session, answer) {
      statistics.count('hits');
      statistics.add('savedMs', answer.compileMs);
      sessions.hit(session, answer.compileMs);
      for (const digest of answer.blobs) services.defaultCache.blobs.touch(digest);
      services.defaultCache.manifests.touch(answer.key);
    },
    doubted(memoKey, answer, checks) {
      prepared.drop(memoKey);
      for (const index of checks) {
        const directory = answer.directoryChecks.get(index);
        if (directory !== undefined) churning.add(directory);
      }
    },
    damaged(memoKey, answer, output) {
      prepared.drop(memoKey);
      statistics.count('badBlobs');
      const digest = answer.outputs[output];
      if (digest !== undefined) services.defaultCache.blobs.drop(digest);
    },
    ended(session, description, plan, ended) {
      if (ended.status !== 0) {
        sessions.local(session);
        statistics.count('misses');
        discard(leftovers(plan));
        return;
      }
      sessions.local(session);
      statistics.count('misses');
      statistics.add('compileMs', Number(ended.endedNs - ended.startedNs) / 1e6);
      enqueue(() => store(description, plan, ended, services));
    },
    abandoned(session, plan) {
      sessions.local(session);
      discard(leftovers(plan));
    },
    countRefusal(session, reason) {
      // A link or a preprocessor run has its name in the statistics, but a build's summary speaks of compiles.
      if (NO_COMPILES.has(reason)) sessions.notCompile(session);
      else sessions.refused(session, reason);
      statistics.refused(reason);
    },
    countNotCompile(session) {
      sessions.notCompile(session);
      statistics.count('notCompiles');
    },
    settled: () => stores,
    get storing() {
      return storing;
    },
  };
}

async function store(
  description: Description,
  plan: CompilePlan,
  ended: CompileEnded,
  services: EngineServices,
): Promise<void> {
  const cache = await services.caches.at(description.settings['cache.dir']);
  const outcome = await storeResult(description, plan, ended, cache, services);
  const { request } = description;
  if (outcome.kind === 'stored') {
    cache.statistics.count('stored');
    cache.statistics.add('bytesWritten', outcome.bytes);
  } else {
    cache.statistics.storeFailed(outcome.reason);
    services.log('not stored', {
      source: description.invocation.source,
      reason: outcome.reason,
      detail: outcome.detail,
    });
  }
  const key = outcome.kind === 'stored' ? { key: description.key } : {};
  cache.sources.remember(description.invocation.source, { ...request, ...key });
}

async function offer(request: CompileRequest, services: EngineServices): Promise<Offer> {
  const described = await describeCompile(request, services);
  if (described.kind === 'not-a-compile') return { kind: 'run', reason: undefined, note: '' };
  if (described.kind === 'refused') return refused(request, described, described.reason);
  const { settings } = described;
  const cache = await services.caches.at(settings['cache.dir']);
  const hit = settings['cache.recache'] ? undefined : await findHit(described, cache, services);
  if (hit !== undefined) return { kind: 'hit', answer: hit };
  if (settings['cache.read_only']) return refused(request, described, 'read-only');
  const plan = planCompile(described, cache.blobs);
  if ('kind' in plan) return refused(request, described, 'cache-unwritable');
  return { kind: 'compile', description: described, plan, note: note(described, '[local]') };
}

function refused(request: CompileRequest, described: Described, reason: RefusalReason): Offer {
  const verbose = 'settings' in described && described.settings?.['compile.verbose'] === true;
  const source = described.kind === 'compile' ? described.invocation.source : likelySource(request.args);
  return { kind: 'run', reason, note: verbose ? `[local: ${reason}] ${source}\n` : '' };
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
    outputs.push({ blob, size: stored.ref.size, checksum: stored.ref.checksum, dest: wanted.path });
  }
  const stderr = await diagnostics(entry, description, cache);
  if (stderr === undefined) return undefined;
  // The main output last: make must not see the object before its depfile is there.
  const ordered = outputs.toReversed();
  const digests = entry.outputs.map((output) => output.ref.digest);
  return {
    frame: encodeHit({ note: note(description, '[hit]'), checks, outputs: ordered, stderr }),
    directoryChecks,
    key: description.key,
    blobs: digests,
    outputs: ordered.map((output) => digestOfBlob(output, entry)),
    compileMs: entry.compileMs,
  };
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
