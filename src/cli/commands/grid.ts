import { formatDuration } from '../../base/duration.ts';
import type { HealthCheckResponse, WorkerInfo } from '../../contract/generated/hybridgrid/v1/build.ts';
import type { StoreState } from '../../storage/check-stores.ts';
import { EXIT } from '../exit-codes.ts';
import { type GridClient, gridClient } from '../grid-client.ts';
import { formatTable, printJson, printOut } from '../output.ts';
import { type Context, settingsOf } from '../settings-context.ts';
import { storageStates } from '../storage-states.ts';

/** `hgbuild status`: the coordinator, its queue, its cache; and the remote storages, if there are any. */
export async function status(context: Context, json: boolean): Promise<number> {
  const { settings } = await settingsOf(context);
  const remoteStorage = await storageStates(settings, context.env);
  const healthy = remoteStorage.every((state) => state.healthy);
  const rows = remoteStorage.map((state) => ['remote storage', `${state.at}, ${storageText(state)}`]);
  if (settings['grid.coordinator'] === '' && remoteStorage.length > 0) {
    if (json) printJson({ coordinator: null, remoteStorage });
    else printOut(formatTable(rows));
    return healthy ? EXIT.ok : EXIT.negative;
  }
  return withClient(context, async (client) => {
    const health = await client.health();
    if (json) printJson({ coordinator: client.address, ...figuresOf(health), remoteStorage });
    else printOut(formatTable([...coordinatorRows(client.address, health), ...rows]));
    return health.healthy && healthy ? EXIT.ok : EXIT.negative;
  });
}

function storageText({ healthy, answerMs, detail }: StoreState): string {
  return healthy ? `answers in ${answerMs} ms` : `cannot be used (${detail})`;
}

function figuresOf(health: HealthCheckResponse) {
  const { healthy, version, workers, slots, activeTasks, queuedTasks } = health;
  const uptimeMs = Number(health.uptimeMs);
  const storedResults = Number(health.storedResults);
  const sharedHits = Number(health.sharedHits);
  return { healthy, version, workers, slots, activeTasks, queuedTasks, uptimeMs, storedResults, sharedHits };
}

function coordinatorRows(address: string, health: HealthCheckResponse): string[][] {
  const { healthy, version, workers, slots, activeTasks, queuedTasks, uptimeMs, ...cache } = figuresOf(health);
  return [
    ['coordinator', `${address}, ${healthy ? 'healthy' : 'not healthy'}, ${version}`],
    ['up for', formatDuration(uptimeMs)],
    ['workers', `${workers} with ${slots} slots`],
    ['compiles', `${activeTasks} running, ${queuedTasks} waiting`],
    ['shared cache', `${cache.storedResults} results, ${cache.sharedHits} hits`],
  ];
}

/** `hgbuild workers`: a line per worker. */
export async function workers(context: Context, json: boolean): Promise<number> {
  return withClient(context, async (client) => {
    const answer = await client.workers();
    if (json)
      printJson({ total: answer.totalWorkers, healthy: answer.healthyWorkers, workers: answer.workers.map(asJson) });
    else if (answer.workers.length === 0)
      printOut('no workers are connected: start `hg-worker serve --coordinator HOST:PORT` on each machine');
    else {
      const head = ['worker', 'arch', 'cores', 'slots', 'running', 'done', 'failed', 'latency', 'state', 'direct'];
      printOut(formatTable([head, ...answer.workers.map(row)], [2, 3, 4, 5, 6, 7]));
    }
    return EXIT.ok;
  });
}

/** `hgbuild slots`: a number for `make -j$(hgbuild slots)`; this machine's own where the grid cannot be asked. */
export async function slots(context: Context): Promise<number> {
  const { settings } = await settingsOf(context);
  const { availableParallelism } = await import('node:os');
  const own = settings['grid.local_slots'] === 'auto' ? availableParallelism() : settings['grid.local_slots'];
  let there = 0;
  if (settings['grid.coordinator'] !== '') {
    const client = gridClient(settings);
    there = await client.slots().then(
      (answer) => answer.slots,
      () => 0,
    );
    client.close();
  }
  printOut(String(Math.max(1, own + there)));
  return EXIT.ok;
}

async function withClient(context: Context, use: (client: GridClient) => Promise<number>): Promise<number> {
  const client = gridClient((await settingsOf(context)).settings);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function stateOf({ draining, circuit, capabilities, quarantine }: WorkerInfo): string {
  if (quarantine !== '') return 'quarantine';
  if (draining) return 'draining';
  if (capabilities?.slots === 0) return 'no isolation';
  return circuit === 'closed' || circuit === '' ? 'ready' : `circuit ${circuit}`;
}

function row(worker: WorkerInfo): string[] {
  const { capabilities, activeTasks, completedTasks, failedTasks, latencyMs } = worker;
  return [
    capabilities?.workerId ?? '',
    capabilities?.arch ?? '',
    String(capabilities?.cpuCores ?? 0),
    String(capabilities?.slots ?? 0),
    String(activeTasks),
    String(completedTasks),
    String(failedTasks),
    `${latencyMs.toFixed(0)} ms`,
    stateOf(worker),
    capabilities?.listens ?? '',
  ];
}

function asJson(worker: WorkerInfo): object {
  const { capabilities, activeTasks, completedTasks, failedTasks, latencyMs, address } = worker;
  return {
    id: capabilities?.workerId,
    address,
    directAddress: (capabilities?.listens ?? '') === '' ? null : capabilities?.listens,
    arch: capabilities?.arch,
    os: capabilities?.os,
    cores: capabilities?.cpuCores,
    memoryBytes: Number(capabilities?.memoryBytes ?? 0n),
    gpus: capabilities?.gpus ?? [],
    engine: capabilities?.engine ?? '',
    slots: capabilities?.slots,
    activeTasks,
    completedTasks: Number(completedTasks),
    failedTasks: Number(failedTasks),
    latencyMs,
    state: stateOf(worker),
    quarantine: worker.quarantine === '' ? null : worker.quarantine,
    lastHeartbeatMs: Number(worker.lastHeartbeatUnixMs),
  };
}
