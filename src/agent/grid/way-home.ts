/**
 * Which compile that is away should be done here after all. At the end of a build cores are free here while the last
 * compiles are still on slow, busy or silent workers. The coordinator copies late tasks to other workers
 * (`src/scheduler/copies.ts`, whose numbers these are); this is about the machine that it does not know: the client's own.
 */
import { type Durations, durationOf, newDurations, noteDuration, numberOf } from '../../scheduler/durations.ts';
import type { Description } from '../describe.ts';

/** A compile that a grid was asked for. Times are monotonic milliseconds. */
export interface Away {
  readonly name: string;
  readonly askedMs: number;
  readonly at: Place;
}

/** A grid, as far as it matters here. */
export interface Place {
  /** Slots of all workers; undefined before they are known. */
  capacity(): number | undefined;
}

/** What is known of the pace of this machine and of the grids, and what is away. */
export interface WayHome {
  /** A compile is asked for elsewhere; `name`: the same for every compile of one file. */
  left(name: string, at: Place): Away;
  /** It is away no more. `workerMs`: what it took a worker, where one has done it. */
  back(away: Away, workerMs?: number): void;
  /** A compile took so long here. */
  tookHere(name: string, ms: number): void;
  /** The build goes on: a compile came, or one here ended. */
  stir(): void;
  /** Whether this is the one that a free core here should do now. */
  isWanted(away: Away): boolean;
  /** Whether more are away there than can be under way: one that comes home then has hardly begun, and is moved. */
  isCrowded(away: Away): boolean;
  /** It is done here as well, and so is wanted no more. */
  raced(away: Away): void;
}

/** Home has to take at most this part of what is expected to be left there, because what was done there is lost, */
const WORTHWHILE = 0.75;
/** and to save so much. */
const LEAST_GAIN_MS = 200;
/** Past so many times the expected duration nothing is believed of it any more. */
const LATE = 1.5;
/** The same where no duration is known, only that of a mean compile. */
const LATE_UNKNOWN = 5;
/** `make` takes milliseconds to start the next compile: a core that is free for longer is not needed by it. */
const QUIET_MS = 200;

/** So long one answer to "which" is good for all that ask, milliseconds. */
const SAME_LOOK_MS = 50;

/** What is away at one grid. */
interface Outside {
  readonly durations: Durations;
  readonly away: Set<Away>;
  /** Those of them that are done here as well. */
  readonly raced: Set<Away>;
  /** When more were away last than could be under way: those that are now may have begun only then. */
  queuedMs: number;
  lookedMs: number;
  best: Away | undefined;
}

export function wayHome(now: () => number): WayHome {
  const here = newDurations();
  const places = new WeakMap<Place, Outside>();
  let stirredMs = Number.NEGATIVE_INFINITY;

  const outside = (at: Place): Outside => {
    const long = Number.NEGATIVE_INFINITY;
    const known = places.get(at) ?? {
      durations: newDurations(),
      away: new Set<Away>(),
      raced: new Set<Away>(),
      queuedMs: long,
      lookedMs: long,
      best: undefined,
    };
    places.set(at, known);
    if (areMore(known, at)) known.queuedMs = now();
    return known;
  };
  const look = (place: Outside, nowMs: number): void => {
    place.lookedMs = nowMs;
    place.best = undefined;
    let most = LEAST_GAIN_MS;
    for (const one of place.away) {
      if (place.raced.has(one)) continue;
      const ageMs = nowMs - Math.max(one.askedMs, place.queuedMs);
      const gain = gainOf(one.name, ageMs, here, place.durations);
      if (gain < most) continue;
      most = gain;
      place.best = one;
    }
  };

  return {
    left(name, at) {
      const one = { name, askedMs: now(), at };
      outside(at).away.add(one);
      return one;
    },
    back(one, workerMs) {
      const place = outside(one.at);
      place.away.delete(one);
      place.raced.delete(one);
      if (workerMs === undefined) return;
      // With what is done before and after it, but without waiting for its turn.
      note(place.durations, one.name, Math.max(workerMs, now() - Math.max(one.askedMs, place.queuedMs)));
    },
    tookHere: (name, ms) => note(here, name, ms),
    stir() {
      stirredMs = now();
    },
    isWanted(one) {
      const place = outside(one.at);
      const nowMs = now();
      if (areMore(place, one.at)) return true;
      if (nowMs - stirredMs < QUIET_MS) return false;
      if (nowMs - place.lookedMs >= SAME_LOOK_MS || (place.best !== undefined && !place.away.has(place.best)))
        look(place, nowMs);
      return place.best === one;
    },
    isCrowded: (one) => areMore(outside(one.at), one.at),
    raced(one) {
      const place = outside(one.at);
      place.raced.add(one);
      if (place.best === one) place.lookedMs = Number.NEGATIVE_INFINITY;
    },
  };
}

/** Whether more are away than can be under way there. */
function areMore({ away }: Outside, at: Place): boolean {
  return away.size > (at.capacity() ?? Number.POSITIVE_INFINITY);
}

/** How much sooner it would be done here; 0 where it is not worth it. */
function gainOf(name: string, ageMs: number, here: Durations, there: Durations): number {
  const usual = expected(name, there, here);
  const isLate = ageMs > usual.ms * (usual.isKnown ? LATE : LATE_UNKNOWN);
  // The first compile at a place brings compiler and headers there: what others took elsewhere says little of it.
  if (there.seen === 0 && !isLate) return 0;
  const leftMs = leftOf(usual, isLate, ageMs);
  const own = expected(name, here, there).ms;
  // Of what nobody knows it is known that it is not shorter than it was away already, unless something is wrong there.
  const hereMs = usual.isKnown || isLate ? own : own + (ageMs * own) / usual.ms;
  return hereMs > leftMs * WORTHWHILE ? 0 : leftMs - hereMs;
}

function note(durations: Durations, name: string, ms: number): void {
  noteDuration(durations, name, numberOf(durations, name), ms, 1);
}

interface Expected {
  readonly ms: number;
  /** Of this very file, not of a mean one. */
  readonly isKnown: boolean;
}

/** How long a compile takes at one place, from what it took there, or else from what it took at the other. */
function expected(name: string, durations: Durations, others: Durations): Expected {
  const own = durationOf(durations, name);
  if (own !== undefined) return { ms: own.workMs, isKnown: true };
  const other = durationOf(others, name)?.workMs;
  if (durations.seen === 0) return { ms: Math.max(durations.meanMs, other ?? 0), isKnown: false };
  if (other === undefined) return { ms: durations.meanMs, isKnown: false };
  return { ms: (other * durations.meanMs) / others.meanMs, isKnown: true };
}

/** How much longer it takes. What is late will be for as long again: the longer it took, the less is its estimate worth. */
function leftOf({ ms, isKnown }: Expected, isLate: boolean, ageMs: number): number {
  if (isLate) return ageMs;
  return isKnown ? Math.max(ms - ageMs, 0) : ms;
}

/** What compiles of one file have in common, whatever was edited: where they run and what they write. */
export function nameOf({ request, invocation }: Description): string {
  return `${request.cwd}\0${invocation.output}`;
}
