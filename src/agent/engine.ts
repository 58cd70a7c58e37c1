import { NO_COMPILES, type RefusalReason } from '../base/refusal.ts';
import { isSecretVariable } from '../config/storage-credentials.ts';
import type { Caches, OpenCache } from './caches.ts';
import type { DescribeServices, Description } from './describe.ts';
import type { Sight } from './file-snapshot.ts';
import type { Grid } from './grid/grid.ts';
import type { Placed } from './grid/grid-offer.ts';
import type { Grids } from './grid/grids.ts';
import type { LocalRoom } from './grid/local-room.ts';
import type { LocalSlots } from './grid/local-slots.ts';
import type { LookupGate } from './grid/lookup-gate.ts';
import type { NativeCpus } from './grid/native-cpu.ts';
import type { ParcelMemory } from './grid/parcels.ts';
import type { ShareQueue } from './grid/share-queue.ts';
import type { MadeHere } from './grid/share-result.ts';
import type { SharedSight } from './grid/shared-sight.ts';
import type { UploadQueue } from './grid/upload-queue.ts';
import { nameOf, type WayHome } from './grid/way-home.ts';
import { lazily } from './lazily.ts';
import { afterPreprocessing, offer } from './offer.ts';
import type { CompilePlan } from './plan.ts';
import type { PreparedAnswer, PreparedAnswers } from './prepared-answers.ts';
import type { PreprocessRun } from './preprocessed-text.ts';
import { discard } from './read-files.ts';
import { keysOf } from './relocation.ts';
import type { Sessions } from './sessions.ts';
import type { StoreQueue } from './store-queue.ts';
import { leftovers, type StoreServices, storeResult } from './store-result.ts';
import type { Verifications, WrongResults } from './verify.ts';
import type { CompileEnded, CompileRequest } from './wire.ts';

/** What a launcher is told to do. `reason` undefined: the call is no compile. */
export type Offer =
  | { readonly kind: 'hit'; readonly answer: PreparedAnswer }
  | Preprocessing
  | {
      readonly kind: 'compile';
      readonly description: Description;
      readonly plan: CompilePlan;
      readonly note: string;
      readonly cache: OpenCache;
      /** With a grid: the place it takes on this machine, and what others would ask for. */
      readonly placed?: Extract<Placed, { kind: 'here' }>;
    }
  | {
      readonly kind: 'run';
      readonly reason: RefusalReason | undefined;
      readonly note: string;
      readonly cache: OpenCache;
      /** With a grid: only when a place on this machine is free. */
      readonly slot: boolean;
    }
  /** Neither the grid nor, as the user wants it, this machine does it. */
  | { readonly kind: 'fail'; readonly reason: RefusalReason; readonly message: string; readonly cache: OpenCache };

/** A launcher is to run the preprocessor first: its text may prove a stored result. */
export interface Preprocessing {
  readonly kind: 'preprocess';
  readonly description: Description;
  readonly run: PreprocessRun;
  readonly cache: OpenCache;
}

/** A compile that a launcher was told to run and report. */
export type Compiling = Extract<Offer, { kind: 'compile' }>;

/** Decides and learns; knows nothing of sockets. */
export interface Engine {
  /** An answer that was right last time and carries its own proof. */
  prepared(memoKey: string): PreparedAnswer | undefined;
  /** `gone` aborts when the launcher is no longer there. */
  offer(request: CompileRequest, gone: AbortSignal): Promise<Offer>;
  /** `request`: what was asked, for the few deliveries that are compiled again. */
  delivered(session: string, answer: PreparedAnswer, request: () => CompileRequest): void;
  /** An offered hit came to nothing: the launcher could not write it and compiled, or was killed. */
  undelivered(session: string, answer: PreparedAnswer): void;
  /** Some checks of an offered hit failed: it must be thought over. */
  doubted(memoKey: string, answer: PreparedAnswer, checks: readonly number[]): void;
  /** A blob was missing or damaged. */
  damaged(memoKey: string, answer: PreparedAnswer, output: number): void;
  ended(session: string, compiling: Compiling, ended: CompileEnded): void;
  /** A compile was stopped for a result that came from elsewhere, which was delivered. */
  overtaken(session: string, compiling: Compiling, answer: PreparedAnswer, request: () => CompileRequest): void;
  /** A preprocessor run has ended: what now? */
  preprocessed(preprocessing: Preprocessing, ended: CompileEnded, gone: AbortSignal): Promise<Offer>;
  /** A launcher died while compiling. */
  abandoned(session: string, compiling: Compiling): void;
  /** The launcher was told to become the compiler. `reason` undefined: the call is no compile. */
  ran(session: string, reason: RefusalReason | undefined, cache: OpenCache | undefined): void;
  /** Resolves when nothing is being stored any more. */
  settled(): Promise<void>;
  readonly storing: number;
}

export interface EngineServices extends DescribeServices, StoreServices {
  readonly grids: Grids;
  readonly slots: LocalSlots;
  readonly room: LocalRoom;
  readonly home: WayHome;
  readonly sights: SharedSight;
  readonly parcels: ParcelMemory;
  readonly nativeCpus: NativeCpus;
  readonly shares: ShareQueue;
  readonly stores: StoreQueue;
  readonly uploads: UploadQueue;
  readonly verifications: Verifications;
  readonly wrongResults: WrongResults;
  readonly lookups: LookupGate;
  /** Tells launchers how many compiles may run here without this agent. */
  readonly keepSlots: (count: number) => void;
  readonly caches: Caches;
  readonly defaultCache: OpenCache;
  readonly prepared: PreparedAnswers;
  readonly sessions: Sessions;
  readonly churning: Set<string>;
  readonly log: (message: string, details: object) => void;
}

export function engine(services: EngineServices): Engine {
  const { sessions, prepared, churning, stores, verifications } = services;
  /** Every compile that a launcher is told to run ends with `ended` or `abandoned`. */
  const counted = async (offered: Promise<Offer>): Promise<Offer> => {
    const over = verifications.asked();
    try {
      const made = await offered;
      if (made.kind === 'compile') stores.began();
      return made;
    } finally {
      over();
    }
  };

  const delivered: Engine['delivered'] = (session, answer, request) => {
    const { cache, compileMs, blobs, key, from } = answer;
    if (from === 'remote') {
      cache.statistics.count('remoteCompiles');
      cache.statistics.count('misses');
      sessions.remote(session);
    } else {
      cache.statistics.count('hits');
      if (from === 'shared') cache.statistics.count('sharedHits');
      if (from === 'storage') cache.statistics.count('storageHits');
      cache.statistics.add('savedMs', compileMs);
      sessions.hit(session, compileMs);
    }
    for (const digest of blobs) cache.blobs.touch(digest);
    cache.manifests.touch(key);
    verifications.delivered(answer, request);
  };
  /** Of a compile that came to nothing: the place it took, the files it was to fill. */
  const giveBack = ({ plan, placed }: Compiling): void => {
    placed?.race?.stop();
    placed?.slot.release();
    stores.over();
    discard(leftovers(plan));
  };

  return {
    prepared(memoKey) {
      verifications.disturb();
      return prepared.get(memoKey);
    },
    offer: (request, gone) => counted(offer(request, services, gone)),
    delivered,
    doubted(memoKey, answer, checks) {
      prepared.drop(memoKey);
      services.sights.drop();
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
      const tookMs = Number(ended.endedNs - ended.startedNs) / 1e6;
      if (compiling.placed !== undefined) {
        services.home.stir();
        if (ended.status === 0) services.home.tookHere(nameOf(compiling.description), tookMs);
        if (compiling.placed.race !== undefined) compiling.cache.statistics.count('broughtHome');
        compiling.placed.race?.stop();
        compiling.placed.slot.release();
      }
      stores.over();
      sessions.local(session);
      compiling.cache.statistics.count('misses');
      compiling.cache.statistics.add('compileMs', tookMs);
      // A failed compile is not kept: what it would take to prove that it fails again is not known.
      if (ended.status === 0)
        stores.add(keysOf(compiling.description), (sight) => store(compiling, ended, sight, services));
      else discard(leftovers(compiling.plan));
    },
    preprocessed: (preprocessing, ended, gone) => counted(afterPreprocessing(preprocessing, ended, services, gone)),
    overtaken(session, compiling, answer, request) {
      giveBack(compiling);
      services.home.stir();
      compiling.cache.statistics.count('overtaken');
      delivered(session, answer, request);
    },
    abandoned(session, compiling) {
      giveBack(compiling);
      sessions.local(session);
    },
    ran(session, reason, cache) {
      const { statistics } = cache ?? services.defaultCache;
      verifications.disturb();
      if (reason === undefined) statistics.count('notCompiles');
      else statistics.refused(reason);
      // A link or a preprocessor run has its name in the statistics, but a build's summary speaks of compiles.
      if (reason === undefined || NO_COMPILES.has(reason)) sessions.notCompile(session);
      else sessions.refused(session, reason);
    },
    undelivered(session, { cache }) {
      sessions.local(session);
      cache.statistics.count('fallbacks');
      cache.statistics.count('misses');
    },
    settled: stores.settled,
    get storing() {
      return stores.length;
    },
  };
}

async function store(
  { description, plan, cache, placed }: Compiling,
  ended: CompileEnded,
  sight: Sight,
  services: EngineServices,
): Promise<void> {
  const outcome = await storeResult(description, plan, ended, cache, services, sight);
  const { source } = description.invocation;
  if (outcome.kind === 'stored') {
    cache.statistics.count('stored');
    cache.statistics.add('bytesWritten', outcome.bytes);
    if (placed?.isShared === true) share({ description, plan, ended, entry: outcome.entry, cache }, placed, services);
  } else {
    cache.statistics.storeFailed(outcome.reason);
    services.log('not stored', { source, reason: outcome.reason, detail: outcome.detail });
  }
  const key = outcome.kind === 'stored' ? { key: description.key } : {};
  const { request } = description;
  const env = new Map([...request.env].filter(([name]) => !isSecretVariable(name)));
  cache.sources.remember(source, { ...request, env, ...key });
}

/** With it comes gRPC, as with all that builds messages. */
const sharing = lazily(() => import('./grid/share-result.ts'));

/** Everybody else is offered what was made here: a coordinator when this machine is idle, a storage at once. */
function share(made: MadeHere, placed: Extract<Placed, { kind: 'here' }>, services: EngineServices): void {
  const { settings, request } = made.description;
  const asked = { settings, env: request.env };
  const held = made.ended.lists.reduce((sum, list) => sum + list.length, 0);
  const report = async (grid: Grid | undefined): Promise<void> => {
    const { shareResult } = await sharing();
    if (grid !== undefined) await shareResult(made, placed.shipment, grid, services);
  };
  if (settings['grid.coordinator'] !== '')
    services.shares.add(held, async () => report(await services.grids.coordinatorOf(asked)));
  if (settings['cache.remote_storage'].length > 0)
    services.uploads.add(held, async () => {
      const storage = await services.grids.storageOf(asked);
      if (storage?.isWriting() === true) await report(storage);
    });
}
