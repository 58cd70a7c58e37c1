/**
 * The rules of load balancers: a task is bound to a worker the moment it comes, and waits there if need be. Neither fair
 * shares nor breakers: they are here to be compared with.
 */
import type { NamedEffect, NamedEvent } from '../../src/scheduler/by-name.ts';
import { drawBelow, type Random, seededRandom } from '../../src/scheduler/random.ts';
import type { Subject } from './world.ts';

interface Place {
  readonly id: string;
  readonly slots: number;
  readonly running: Set<string>;
  readonly waiting: string[];
  lastSeenMs: number;
}

/** Picks the place of a task among those that are there. */
type Rule = (places: readonly Place[], random: Random, turn: number) => Place | undefined;

const loadOf = ({ running, waiting, slots }: Place): number => (running.size + waiting.length + 1) / slots;
const lighter = (one: Place, other: Place): Place => (loadOf(other) < loadOf(one) ? other : one);
const anyOf = (places: readonly Place[], random: Random): Place => places[drawBelow(random, places.length)] as Place;

export const EARLY_RULES: Readonly<Record<string, Rule>> = {
  random: (places, random) => anyOf(places, random),
  'round robin': (places, _random, turn) => places[turn % places.length],
  'least loaded of two': (places, random) => lighter(anyOf(places, random), anyOf(places, random)),
  'least loaded': (places) => places.reduce(lighter),
};

const SILENT_MS = 30_000;

export function earlyBinding(name: string, rule: Rule, seed: number): Subject {
  const random = seededRandom(seed);
  const places = new Map<string, Place>();
  let list: readonly Place[] = [];
  let turn = 0;

  function start(place: Place, effects: NamedEffect[]): void {
    while (place.running.size < place.slots) {
      const task = place.waiting.shift();
      if (task === undefined) return;
      place.running.add(task);
      effects.push({ kind: 'assign', task, worker: place.id, waitedMs: 0 });
    }
  }

  function bind(task: string, effects: NamedEffect[]): void {
    const place = list.length === 0 ? undefined : rule(list, random, turn++);
    if (place === undefined) effects.push({ kind: 'decline', task, reason: 'no-worker', detail: '' });
    else {
      place.waiting.push(task);
      start(place, effects);
    }
  }

  function leave(id: string, effects: NamedEffect[]): void {
    const place = places.get(id);
    if (place === undefined) return;
    places.delete(id);
    list = [...places.values()];
    for (const task of [...place.running, ...place.waiting]) bind(task, effects);
  }

  function step(event: NamedEvent, nowMs: number): readonly NamedEffect[] {
    const effects: NamedEffect[] = [];
    if (event.kind === 'worker-attached') {
      const { id, slots } = event.offer;
      leave(id, effects);
      places.set(id, { id, slots, running: new Set(), waiting: [], lastSeenMs: nowMs });
      list = [...places.values()];
    } else if (event.kind === 'worker-heartbeat') {
      const place = places.get(event.worker);
      if (place !== undefined) place.lastSeenMs = nowMs;
    } else if (event.kind === 'worker-detached') leave(event.worker, effects);
    else if (event.kind === 'task-submitted') bind(event.task.id, effects);
    else if (event.kind === 'task-ended') {
      const place = places.get(event.worker);
      if (place === undefined || !place.running.delete(event.task)) return effects;
      effects.push({ kind: 'complete', task: event.task, worker: event.worker });
      start(place, effects);
    } else if (event.kind === 'tick') {
      for (const { id, lastSeenMs } of list) {
        if (lastSeenMs > nowMs - SILENT_MS) continue;
        effects.push({ kind: 'worker-lost', worker: id });
        leave(id, effects);
      }
    }
    return effects;
  }
  return { name, step };
}
