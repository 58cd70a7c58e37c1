import type { Settings } from '../../config/settings.ts';
import type { OpenCache } from '../caches.ts';
import type { Description } from '../describe.ts';
import type { CompilePlan } from '../plan.ts';
import type { PreparedAnswer } from '../prepared-answers.ts';
import { discard } from '../read-files.ts';
import { leftovers } from '../store-result.ts';
import { eitherSignal } from './either-signal.ts';
import type { Grid, Shipment } from './grid.ts';
import type { LocalRoom } from './local-room.ts';
import { type LocalSlots, localLimit, type Slot } from './local-slots.ts';
import type { LookupGate } from './lookup-gate.ts';
import { mayBeStopped } from './may-be-stopped.ts';
import { type RemoteOutcome, type RemoteServices, remoteCompile } from './remote-compile.ts';
import { makeShipment, type ShipmentServices } from './shipment.ts';
import { type Away, nameOf, type WayHome } from './way-home.ts';

export interface GridServices extends RemoteServices, ShipmentServices {
  readonly slots: LocalSlots;
  readonly room: LocalRoom;
  readonly home: WayHome;
  readonly lookups: LookupGate;
  readonly log: (message: string, details: object) => void;
}

/** Where a miss is compiled. */
export type Placed =
  | { readonly kind: 'hit'; readonly answer: PreparedAnswer }
  /** Here; `isShared`: others may have the result; `shipment`: what they would ask for, where it was made already. */
  | {
      readonly kind: 'here';
      readonly slot: Slot;
      readonly isShared: boolean;
      readonly shipment?: Shipment | undefined;
      /** It is under way elsewhere, too. */
      readonly race?: Race;
    }
  /** The grid did not do it, and the user does not want it done here. */
  | { readonly kind: 'denied'; readonly why: string }
  /** The launcher has gone. */
  | { readonly kind: 'nowhere' };

/** A compile that goes on elsewhere while it is done here as well: the first good answer counts. */
export interface Race {
  /** The result from elsewhere, filed and proved; undefined: there will be none. */
  readonly answer: Promise<PreparedAnswer | undefined>;
  /** It is of no use any more. */
  stop(): void;
}

export interface Miss {
  readonly description: Description;
  readonly plan: CompilePlan;
  readonly cache: OpenCache;
  readonly signal: AbortSignal;
}

/**
 * Shared cache first, then a free core here, then a worker; and if the grid will not or cannot, the next core that is
 * free here. `plan` is used up by a remote attempt; the caller makes a new one.
 */
export async function placeMiss(miss: Miss, grid: Grid, services: GridServices): Promise<Placed> {
  const { description, plan, signal } = miss;
  const { settings } = description;
  // What the grid does not do is done here whatever else this machine does: no slower than without a grid.
  const own = localLimit(settings['grid.local_slots']);
  const limit = limitOf(settings, grid, services.room);
  services.home.stir();
  const slot = grid.compiles ? services.slots.tryTake(limit()) : NO_SLOT;
  const ignoreStored = settings['cache.recache'];
  const inVain = ignoreStored || !grid.isWorthAsking();
  if (slot !== undefined && (inVain || !services.lookups.isOpen())) return { kind: 'here', slot, isShared: true };
  const made = await makeShipment(description, plan, services);
  if ('kind' in made) {
    if (slot !== undefined) return { kind: 'here', slot, isShared: false };
    services.log('stays at home', { source: description.invocation.source, why: made.why });
    return here(own, undefined, signal, services.slots);
  }
  if (slot === undefined) return elsewhere(miss, made, grid, limit, services);
  const outcome = await attempt(
    miss,
    made,
    grid,
    { storedOnly: true, ignoreStored, isDirect: false, signal },
    services,
  );
  if (outcome.kind === 'hit') {
    services.lookups.found();
    slot.release();
    return outcome;
  }
  services.lookups.missed();
  discard(leftovers(plan));
  return { kind: 'here', slot, isShared: true, shipment: made };
}

/** Where nobody else compiles, this machine does as many at once as it is told to. */
const NO_SLOT: Slot = { release: () => {} };

/** How many compiles are begun here by choice. */
function limitOf(settings: Settings, grid: Grid, room: LocalRoom): () => number {
  const setting = settings['grid.local_slots'];
  // Who forbids the fallback wants to see the grid at work.
  if (!settings['grid.fallback']) return () => 0;
  return () => room.limit(setting, grid.capacity() ?? 0);
}

/**
 * All cores here are busy: the grid is asked. Should a core become free here while more compiles wait there than there are
 * slots, the one that asked last comes back: it has hardly begun, and the end of a build must not wait for it. And one
 * that would be done sooner here is raced: it goes on there while it is compiled here.
 */
async function elsewhere(
  miss: Miss,
  shipment: Shipment,
  grid: Grid,
  limit: () => number,
  services: GridServices,
): Promise<Placed> {
  const { description, plan, signal } = miss;
  const { home } = services;
  const { source } = description.invocation;
  const own = localLimit(description.settings['grid.local_slots']);
  const over = new AbortController();
  const back = eitherSignal(signal);
  const asked = {
    storedOnly: false,
    ignoreStored: description.settings['cache.recache'],
    isDirect: description.settings['grid.direct'],
    signal: back.signal,
  };
  const away = home.left(nameOf(description), grid);
  const outcome = attempt(miss, shipment, grid, asked, services).then((ended) => {
    back.release();
    if (ended.kind === 'none') discard(leftovers(plan));
    else if (ended.isDirect) miss.cache.statistics.count('directCompiles');
    const workerMs = ended.kind === 'hit' && ended.from !== 'shared' ? ended.answer.compileMs : undefined;
    home.back(away, workerMs);
    return ended;
  });
  const spare = spareSlot(limit, over.signal, away, services);
  const first = await Promise.race([outcome, spare]);
  if (first !== undefined && 'release' in first) {
    const comes = { kind: 'here', slot: first, isShared: true, shipment } as const;
    if (home.isCrowded(away) || !mayBeStopped(description)) {
      home.back(away);
      back.abort('back');
      miss.cache.statistics.count('broughtHome');
      services.log('brought home', { source });
      return comes;
    }
    home.raced(away);
    services.log('raced', { source });
    const answer = outcome.then((ended) => (ended.kind === 'hit' ? ended.answer : undefined));
    return { ...comes, race: { answer, stop: () => back.abort('back') } };
  }
  over.abort('over');
  void spare.then((slot) => slot?.release());
  const ended = await outcome;
  if (ended.kind === 'hit') {
    if (ended.from === 'shared') services.lookups.found();
    return ended;
  }
  services.log('not compiled elsewhere', { source, why: ended.why });
  services.sights.drop();
  // What the compiler says of an error is always this machine's word.
  if (!description.settings['grid.fallback'] && ended.why !== 'failed-remotely')
    return { kind: 'denied', why: ended.why };
  return here(description.settings['grid.fallback'] ? own : 0, shipment, signal, services.slots);
}

/** How often a free core is offered to compiles that wait elsewhere. */
const LOOK_AGAIN_MS = 100;

/** A slot that is free here and should do what is away; undefined once `over` aborts. */
async function spareSlot(
  limit: () => number,
  over: AbortSignal,
  away: Away,
  { slots, home }: GridServices,
): Promise<Slot | undefined> {
  for (;;) {
    const slot = await slots.takeSpare(limit, over);
    if (slot === undefined || home.isWanted(away)) return slot;
    slot.release();
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

async function attempt(
  { description, plan, cache }: Miss,
  shipment: Shipment,
  grid: Grid,
  asked: Parameters<Grid['compile']>[1],
  services: GridServices,
): Promise<RemoteOutcome> {
  try {
    return await remoteCompile(description, plan, shipment, grid, asked, cache, services);
  } catch (error) {
    services.log('a remote compile failed', { error: String(error) });
    return { kind: 'none', why: 'internal' };
  }
}

async function here(
  limit: number,
  shipment: Shipment | undefined,
  signal: AbortSignal,
  slots: LocalSlots,
): Promise<Placed> {
  const slot = await slots.take(limit, signal);
  if (slot === undefined) return { kind: 'nowhere' };
  return { kind: 'here', slot, isShared: shipment !== undefined, shipment };
}
