import type { WorkerInfo } from '../contract/generated/hybridgrid/v1/build.ts';
import type { AttachService } from './attach-service.ts';
import type { Dispatcher } from './dispatcher.ts';

/** All attached workers with what the scheduler thinks of them, by id. */
export function workerInfos(attached: AttachService, dispatcher: Dispatcher): WorkerInfo[] {
  const infos: WorkerInfo[] = [];
  for (const [id, { capabilities, address, lastHeartbeatMs, quarantine }] of attached.workers) {
    const record = dispatcher.workers.get(id);
    if (record === undefined) continue;
    infos.push({
      capabilities,
      activeTasks: record.busy,
      completedTasks: BigInt(record.completed),
      latencyMs: record.latencyMs,
      circuit: record.circuit.phase,
      lastHeartbeatUnixMs: BigInt(Math.round(lastHeartbeatMs)),
      draining: record.draining,
      address,
      failedTasks: BigInt(record.failed),
      quarantine,
    });
  }
  return infos.sort((a, b) => ((a.capabilities?.workerId ?? '') < (b.capabilities?.workerId ?? '') ? -1 : 1));
}

/** Workers that take tasks, with their slots. */
export function capacityOf(dispatcher: Dispatcher, toolchains: readonly string[] = []) {
  let workers = 0;
  let slots = 0;
  let freeSlots = 0;
  for (const { offer, busy, draining, circuit, lacks } of dispatcher.workers.values()) {
    if (offer.slots === 0 || draining || circuit.phase === 'open') continue;
    if (toolchains.length > 0 && toolchains.every((toolchain) => lacks.has(toolchain))) continue;
    workers += 1;
    slots += offer.slots;
    freeSlots += Math.max(0, offer.slots - busy);
  }
  return { workers, slots, freeSlots };
}
