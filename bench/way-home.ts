/**
 * What the end of a build costs when a free core here leaves the last compiles to a worker, takes them home, or races
 * them: the agent's own rule on a simulated clock, one place here, one slot at the grid, durations of real compiles.
 * `node bench/way-home.ts` prints mean seconds of builds of 24 files, least possible first.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Away, type WayHome, wayHome } from '../src/agent/grid/way-home.ts';
import { drawBelow, type Random, seededRandom } from '../src/scheduler/random.ts';

const RULES = ['stay', 'move', 'race'] as const;

interface Plan {
  readonly rule: (typeof RULES)[number];
  /** Of the grid's slot; a place here has 1. */
  readonly speed: number;
  /** Launchers at once. */
  readonly jobs: number;
  /** Whether the same files were built before. */
  readonly isKnown: boolean;
  /** The worker falls silent at this part of the least possible time. */
  readonly silentAt?: number;
}

interface Job {
  readonly name: string;
  readonly ms: number;
  /** What is left, by place, milliseconds of speed 1; undefined: it is not there. */
  here?: number | undefined;
  there?: number | undefined;
  away?: Away | undefined;
}

const STEP_MS = 10;
/** Description, transfer and result of a compile elsewhere. */
const AROUND_MS = 60;
const FILES = 24;
const BUILDS = 100;
/** A silent worker is given up by the coordinator after three heartbeats of ten seconds, if nothing tells it sooner. */
const GIVEN_UP_MS = 30_000;

const { projects } = JSON.parse(readFileSync(join(import.meta.dirname, 'simulate/durations.json'), 'utf8')) as {
  readonly projects: readonly { readonly cpuMs: Readonly<Record<string, number>> }[];
};
const DURATIONS = projects.map(({ cpuMs }) => Object.values(cpuMs));

/** The least possible: both places busy to the end. */
const least = (files: readonly number[], speed: number): number =>
  Math.max(files.reduce((sum, ms) => sum + ms, 0) / (1 + speed), Math.max(...files) / Math.max(1, speed));

/** One build on a clock that goes on from build to build. */
function build(files: readonly number[], plan: Plan, home: WayHome, clock: { nowMs: number }): number {
  const place = { capacity: () => 1 };
  const waiting = files.map((ms, i): Job => ({ name: String(i), ms }));
  const open = new Set<Job>();
  const beganMs = clock.nowMs;
  const silentMs = (plan.silentAt ?? Number.POSITIVE_INFINITY) * least(files, plan.speed);
  const end = (job: Job, at: 'here' | 'there'): void => {
    if (at === 'here') home.stir();
    if (at === 'here') home.tookHere(job.name, job.ms);
    if (job.away !== undefined) home.back(job.away, at === 'there' ? job.ms / plan.speed : undefined);
    open.delete(job);
  };
  const start = (job: Job): void => {
    home.stir();
    open.add(job);
    if (isFree()) job.here = job.ms;
    else {
      job.there = job.ms + AROUND_MS * plan.speed;
      job.away = home.left(job.name, place);
    }
  };
  const isFree = (): boolean => ![...open].some((job) => job.here !== undefined);
  const bringHome = (): void => {
    const wanted = [...open].reverse().find((job) => job.away !== undefined && isWanted(job, open, plan, home));
    if (wanted?.away === undefined) return;
    wanted.here = wanted.ms;
    if (plan.rule === 'race' && !home.isCrowded(wanted.away)) {
      home.raced(wanted.away);
      return;
    }
    home.back(wanted.away);
    wanted.away = undefined;
    wanted.there = undefined;
  };
  while (waiting.length + open.size > 0) {
    const ageMs = clock.nowMs - beganMs;
    while (open.size < plan.jobs && waiting.length > 0) start(waiting.shift() as Job);
    if (isFree()) bringHome();
    const local = [...open].find((job) => job.here !== undefined);
    const remote = [...open].find((job) => job.there !== undefined);
    if (local?.here !== undefined) local.here -= STEP_MS;
    if (remote?.there !== undefined && ageMs < silentMs) remote.there -= STEP_MS * plan.speed;
    clock.nowMs += STEP_MS;
    if (remote?.there !== undefined && remote.there <= 0) end(remote, 'there');
    else if (local?.here !== undefined && local.here <= 0) end(local, 'here');
    if (ageMs >= silentMs + GIVEN_UP_MS) for (const job of open) if (isFree()) job.here ??= job.ms;
  }
  return clock.nowMs - beganMs;
}

/** Before there was a rule, a free core took what no slot was there for, and nothing else. */
function isWanted(job: Job, open: ReadonlySet<Job>, { rule }: Plan, home: WayHome): boolean {
  const away = [...open].filter((other) => other.away !== undefined && other.here === undefined);
  return rule === 'stay' ? away.length > 1 : job.away !== undefined && home.isWanted(job.away);
}

function filesOf(random: Random): readonly number[] {
  const from = DURATIONS[drawBelow(random, DURATIONS.length)] ?? [];
  return Array.from({ length: FILES }, () => from[drawBelow(random, from.length)] ?? 0);
}

/** Mean seconds: the least possible, then what the plan took. */
function measure(plan: Plan): readonly [number, number] {
  const random = seededRandom(1);
  let [bound, took] = [0, 0];
  for (let i = 0; i < BUILDS; i += 1) {
    const clock = { nowMs: 0 };
    const home = wayHome(() => clock.nowMs);
    const files = filesOf(random);
    const { silentAt: _never, ...before } = plan;
    if (plan.isKnown) build(files, before, home, clock);
    const edited = files.map((ms) => ms * (0.85 + drawBelow(random, 31) / 100));
    clock.nowMs += 60_000;
    bound += least(edited, plan.speed);
    took += build(edited, plan, home, clock);
  }
  return [bound / BUILDS / 1000, took / BUILDS / 1000];
}

const rows = [];
for (const isKnown of [false, true]) {
  for (const speed of [0.25, 0.5, 1, 2]) {
    for (const jobs of [2, 4]) {
      const at = RULES.map((rule) => measure({ rule, speed, jobs, isKnown }));
      const silent = RULES.map((rule) => measure({ rule, speed, jobs, isKnown, silentAt: 0.5 })[1].toFixed(1));
      const [stay, move, race] = at.map(([, took]) => took.toFixed(2));
      const bound = at[0]?.[0].toFixed(2);
      rows.push({
        build: isKnown ? 'later' : 'first',
        speed,
        jobs,
        least: bound,
        stay,
        move,
        race,
        silent: silent.join(' '),
      });
    }
  }
}
console.table(rows);
