/** A made-up grid with real work: workers that differ, fail and come back, and builds of several clients. From a seed. */
import type { WorkerOffer } from '../../src/scheduler/model.ts';
import { type Random, seededRandom } from '../../src/scheduler/random.ts';
import { draw, drawAround1, drawBetween, drawOne } from './chance.ts';

export interface ModelWorker {
  readonly offer: WorkerOffer;
  /** Of one slot; 1 is the machine of the recording. */
  readonly speed: number;
  /** There and back, in milliseconds. */
  readonly roundTripMs: number;
  /** When it is away: it loses power, or its process ends. In order, not overlapping. */
  readonly outages: readonly Outage[];
}

export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  /** Its connection is seen to end; else only its heartbeats stop. */
  readonly isSeen: boolean;
}

export interface ModelTask {
  readonly id: string;
  readonly client: number;
  /** What it compiles: a file of one client, which takes about as long in every build. */
  readonly name: string;
  /** On a slot of speed 1, in milliseconds. */
  readonly workMs: number;
}

export interface ModelClient {
  readonly name: string;
  readonly tasks: readonly ModelTask[];
  /** How many of them are asked for at once: `make -j`. */
  readonly jobs: number;
}

export interface GridModel {
  readonly seed: number;
  readonly workers: readonly ModelWorker[];
  readonly clients: readonly ModelClient[];
}

export interface GridAsk {
  readonly seed: number;
  /** Which build of the same sources: the first, a later one. Durations differ a little from one to the next. */
  readonly build: number;
  readonly workers: number;
  readonly tasks: number;
  readonly clients: number;
  /** Tasks that a client asks for at once, per slot of the grid: `make -j`; Infinity: all of them. */
  readonly jobsPerSlot: number;
  /** Files to draw from, with their recorded durations. */
  readonly recorded: readonly { readonly name: string; readonly cpuMs: number }[];
}

const CORES: readonly (readonly [number, number])[] = [
  [2, 25],
  [4, 35],
  [8, 30],
  [16, 10],
];
/** An old laptop, an office machine, the machine of the recording, and two newer ones. */
const SPEEDS: readonly (readonly [number, number])[] = [
  [0.35, 5],
  [0.6, 15],
  [1, 50],
  [1.4, 25],
  [1.8, 5],
];
/** Share of workers that go away once, at any time of the build. */
const FAILING = 0.02;
/** Share in another network. */
const FAR = 0.15;
/** How much a file's duration differs from one build to the next: edits, caches, neighbours. */
const NOISE = 0.15;

export function makeGrid(ask: GridAsk): GridModel {
  const random = seededRandom(ask.seed);
  const bare = Array.from({ length: ask.workers }, (_, i) => makeWorker(random, i));
  const slots = bare.reduce((total, { offer }) => total + offer.slots, 0);
  const clients = makeClients(random, seededRandom(ask.seed + 7919 * ask.build), ask, slots);
  const workMs = clients.flatMap(({ tasks }) => tasks).reduce((total, task) => total + task.workMs, 0);
  const lengthMs = workMs / bare.reduce((total, { offer, speed }) => total + offer.slots * speed, 0);
  const workers = bare.map((worker) => ({ ...worker, outages: makeOutages(random, lengthMs) }));
  return { seed: ask.seed, workers, clients };
}

function makeWorker(random: Random, number: number): ModelWorker {
  const cores = drawOne(random, CORES);
  const isFar = draw(random) < FAR;
  return {
    offer: { id: `w${number}`, arch: 'x86_64', cores, memoryBytes: cores * 2e9, slots: cores, lan: !isFar },
    speed: drawOne(random, SPEEDS) * drawAround1(random, 0.1),
    roundTripMs: isFar ? drawBetween(random, 5, 40) : drawBetween(random, 0.3, 2),
    outages: [],
  };
}

function makeOutages(random: Random, lengthMs: number): readonly Outage[] {
  if (draw(random) >= FAILING) return [];
  const fromMs = draw(random) * lengthMs;
  return [{ fromMs, toMs: fromMs + drawBetween(random, 0.1, 0.5) * lengthMs, isSeen: draw(random) < 0.5 }];
}

/** Builds of different sizes, the largest as many times the smallest as there are clients; each with the same `-j`. */
function makeClients(random: Random, noise: Random, ask: GridAsk, slots: number): readonly ModelClient[] {
  const parts = (ask.clients * (ask.clients + 1)) / 2;
  let made = 0;
  return Array.from({ length: ask.clients }, (_, client) => {
    const isLast = client === ask.clients - 1;
    const size = isLast ? ask.tasks - made : Math.floor((ask.tasks * (client + 1)) / parts);
    const tasks = Array.from({ length: size }, (_, i): ModelTask => {
      const file = ask.recorded[Math.floor(draw(random) * ask.recorded.length)];
      if (file === undefined) throw new Error('nothing was recorded: run node bench/simulate/record.ts');
      const workMs = file.cpuMs * drawAround1(noise, NOISE);
      return { id: `t${made + i}`, client, name: `${client}/${i}`, workMs };
    });
    made += size;
    return { name: `c${client}`, tasks, jobs: Math.min(size, Math.ceil(slots * ask.jobsPerSlot)) };
  });
}
