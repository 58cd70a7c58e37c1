import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CompileServices } from './compile-service.ts';
import type { GrantCounters } from './places-service.ts';

type Counters = CompileServices['counters'];

/** What the coordinator counts, and what it is asked for when somebody reads the figures. */
export interface Metrics extends Counters, GrantCounters {
  readonly registry: Registry;
  localHits(hits: number): void;
  mismatchReported(): void;
  blobBytes(direction: 'in' | 'out', bytes: number): void;
  readonly totals: Totals;
}

/** Since the coordinator started. */
export interface Totals {
  readonly sharedHits: number;
  readonly sharedMisses: number;
  readonly localHits: number;
  /** Tasks by how they ended. */
  readonly tasks: ReadonlyMap<string, number>;
}

/** Figures that are looked up when asked for. */
export interface LiveFigures {
  queued(): number;
  active(): number;
  workers(): number;
  slots(): number;
  storedBytes(): number;
  storedResults(): number;
  /** Workers that get no tasks because a result of theirs was wrong. */
  quarantined(): number;
}

/** Compiles take from milliseconds to minutes. */
const SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];

export function startMetrics(live: LiveFigures): Metrics {
  const registry = new Registry();
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter({ name: `hybridgrid_${name}`, help, labelNames, registers: [registry] });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `hybridgrid_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  const tasks = counter('tasks_total', 'Compiles for which a worker was looked for, by how they ended', ['result']);
  const seconds = new Histogram({
    name: 'hybridgrid_task_seconds',
    help: 'From the request to its answer, for compiles done by workers',
    buckets: SECONDS,
    registers: [registry],
  });
  const hits = counter('shared_cache_hits_total', 'Requests answered with a stored result');
  const misses = counter('shared_cache_misses_total', 'Requests without a stored result');
  const local = counter('local_cache_hits_total', 'Hits in local caches, as clients report them');
  const bytes = counter('blob_bytes_total', 'Bytes of blobs that came and went over HTTP', ['direction']);
  const mismatches = counter('mismatch_reports_total', 'Results that clients found wrong');
  const grants = counter('direct_grants_total', 'Places that clients were given to go to workers themselves');
  const direct = counter('direct_runs_total', 'Compiles that clients brought to workers themselves');
  gauge('queue_length', 'Compiles that wait for a worker', live.queued);
  gauge('active_tasks', 'Compiles that workers have', live.active);
  gauge('workers', 'Workers attached', live.workers);
  gauge('slots', 'Compiles that the workers can run at once', live.slots);
  gauge('blob_stored_bytes', 'Bytes of blobs on the disk', live.storedBytes);
  gauge('stored_results', 'Results in the shared cache', live.storedResults);
  gauge(
    'quarantined_workers',
    'Workers that get no tasks because a result of theirs was found wrong',
    live.quarantined,
  );
  const totals = { sharedHits: 0, sharedMisses: 0, localHits: 0, tasks: new Map<string, number>() };
  return {
    registry,
    totals,
    sharedHit() {
      hits.inc();
      totals.sharedHits += 1;
    },
    sharedMiss() {
      misses.inc();
      totals.sharedMisses += 1;
    },
    localHits(count) {
      local.inc(count);
      totals.localHits += count;
    },
    mismatchReported() {
      mismatches.inc();
    },
    granted() {
      grants.inc();
    },
    used() {
      direct.inc();
    },
    taskEnded(how, took) {
      tasks.inc({ result: how });
      totals.tasks.set(how, (totals.tasks.get(how) ?? 0) + 1);
      if (how === 'ok' || how === 'failed') seconds.observe(took);
    },
    blobBytes(direction, count) {
      bytes.inc({ direction }, count);
    },
  };
}
