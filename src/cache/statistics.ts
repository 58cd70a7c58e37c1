import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { RefusalReason } from '../base/refusal.ts';
import type { CacheLayout } from '../cas/layout.ts';
import type { Unwritable } from '../cas/unwritable.ts';
import { type CounterName, type Counters, countersSince, NO_COUNTERS, parseCounters, sumCounters } from './counters.ts';
import { namesIn, readSmallJson, writeSmallJson } from './small-file.ts';

/**
 * The counters of one agent. Counting is an addition in memory; the file `v1/stats/<agent-id>.json` follows at most
 * every few seconds. Each agent writes only its own file, so that nobody has to lock anything; the sum of all files
 * is the truth.
 */
export interface Statistics {
  count(name: CounterName): void;
  add(name: CounterName, amount: number): void;
  refused(reason: RefusalReason): void;
  storeFailed(reason: string): void;
  /** What this agent counted. */
  counted(): Counters;
  /** Writes what is not yet on disk; a value where the disk refuses, and then it is tried again. */
  flush(): Unwritable | undefined;
}

const WRITE_AFTER_MS = 3_000;

export function openStatistics(layout: CacheLayout, agentId: string): Statistics {
  const amounts: Record<CounterName, number> = { ...NO_COUNTERS };
  const reasons = { refused: new Map<string, number>(), storeFailures: new Map<string, number>() };
  const file = statisticsFile(layout, agentId);
  let timer: NodeJS.Timeout | undefined;

  const counted = (): Counters => ({
    ...amounts,
    refused: Object.fromEntries(reasons.refused),
    storeFailures: Object.fromEntries(reasons.storeFailures),
  });

  function flush(): Unwritable | undefined {
    if (timer === undefined) return undefined;
    clearTimeout(timer);
    timer = undefined;
    const problem = file.write(counted());
    if (problem) changed();
    return problem;
  }

  function changed(): void {
    if (timer !== undefined) return;
    timer = setTimeout(flush, WRITE_AFTER_MS);
    timer.unref();
  }

  function add(name: CounterName, amount: number): void {
    amounts[name] += amount;
    changed();
  }

  function addReason(kind: keyof typeof reasons, reason: string): void {
    reasons[kind].set(reason, (reasons[kind].get(reason) ?? 0) + 1);
    changed();
  }

  return {
    count: (name) => add(name, 1),
    add,
    refused: (reason) => addReason('refused', reason),
    storeFailed: (reason) => addReason('storeFailures', reason),
    counted,
    flush,
  };
}

/**
 * One agent's file. When it was folded into the total behind the agent's back (an agent stopped for days), what was
 * written before is in the total already: from then on only what is new is written, under another name.
 */
function statisticsFile(layout: CacheLayout, agentId: string) {
  let id = agentId;
  let written: Counters | undefined;
  let folded = NO_COUNTERS;
  return {
    write(counted: Counters): Unwritable | undefined {
      if (written && isFolded(layout, id)) {
        folded = written;
        id = `${agentId}-${randomBytes(4).toString('hex')}`;
      }
      const counters = countersSince(counted, folded);
      const problem = writeSmallJson(layout, `${layout.stats}/${id}.json`, { v: 1, ...owner(), counters });
      if (!problem) written = counted;
      return problem;
    },
  };
}

function isFolded(layout: CacheLayout, id: string): boolean {
  return !namesIn(layout.stats).includes(`${id}.json`) || readTotal(layout).folded.includes(id);
}

/** Who writes a file, so that others can tell whether he still may. */
function owner(): { pid: number; host: string } {
  return { pid: process.pid, host: hostname() };
}

/** All counters of a cache directory, as `hgbuild stats --json` prints them. */
export interface StatisticsReport {
  /** Since `hgbuild stats --zero`, or the beginning. */
  readonly counters: Counters;
  /** When the counters were last set to zero, ISO 8601; null if never. */
  readonly since: string | null;
}

/** The counters of all agents since the zero point. */
export function readStatistics(layout: CacheLayout): StatisticsReport {
  const zero = readSmallJson(zeroPath(layout));
  const all = readAll(layout);
  if (zero === undefined) return { counters: all, since: null };
  const since = typeof zero.at === 'string' ? zero.at : null;
  return { counters: countersSince(all, parseCounters(zero.counters)), since };
}

/** Makes now the zero point. Nothing is deleted: running agents go on counting into their files. */
export function zeroStatistics(layout: CacheLayout, now: () => number = Date.now): Unwritable | undefined {
  return writeSmallJson(layout, zeroPath(layout), {
    v: 1,
    at: new Date(now()).toISOString(),
    counters: readAll(layout),
  });
}

function readAll(layout: CacheLayout): Counters {
  // The total is read first: a file folded in between is then counted in neither or once, never twice.
  const total = readTotal(layout);
  return agentFiles(layout, total.folded)
    .map(({ counters }) => counters)
    .reduce(sumCounters, total.counters);
}

/** The sum of the agents that are gone. */
export interface Total {
  readonly counters: Counters;
  /** Agents that are in the sum although their files may still lie there. */
  readonly folded: readonly string[];
}

/** One agent's file as found. */
export interface AgentFile {
  readonly id: string;
  readonly path: string;
  readonly counters: Counters;
  readonly pid: number | undefined;
  readonly host: string | undefined;
}

const TOTAL = 'total.json';
const ZERO = 'zero.json';

export function totalPath(layout: CacheLayout): string {
  return `${layout.stats}/${TOTAL}`;
}

function zeroPath(layout: CacheLayout): string {
  return `${layout.stats}/${ZERO}`;
}

export function readTotal(layout: CacheLayout): Total {
  const total = readSmallJson(totalPath(layout)) ?? {};
  const folded = Array.isArray(total.folded) ? total.folded.filter((id) => typeof id === 'string') : [];
  return { counters: parseCounters(total.counters), folded };
}

/** The files of agents that are not in the total. */
export function agentFiles(layout: CacheLayout, folded: readonly string[]): AgentFile[] {
  const skipped = new Set([TOTAL, ZERO, ...folded.map((id) => `${id}.json`)]);
  const names = namesIn(layout.stats).filter((name) => name.endsWith('.json') && !skipped.has(name));
  return names.flatMap((name) => {
    const path = `${layout.stats}/${name}`;
    const file = readSmallJson(path);
    if (file?.v !== 1) return [];
    return {
      id: name.slice(0, -'.json'.length),
      path,
      counters: parseCounters(file.counters),
      pid: typeof file.pid === 'number' ? file.pid : undefined,
      host: typeof file.host === 'string' ? file.host : undefined,
    };
  });
}
