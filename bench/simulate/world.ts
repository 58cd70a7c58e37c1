/**
 * Everything around a scheduler on a simulated clock: clients that ask for `-j` tasks at a time, messages that take
 * their time, workers of different speed that die and come back. It holds the scheduler to its word: a task that ends
 * twice, or a slot given twice, throws.
 */
import type { NamedEffect, NamedEvent } from '../../src/scheduler/by-name.ts';
import { agenda } from './agenda.ts';
import type { GridModel, ModelClient, ModelTask, ModelWorker } from './grid-model.ts';

/** What is simulated: the scheduler's own `transition`, or another rule in the same clothes. */
export interface Subject {
  readonly name: string;
  step(event: NamedEvent, nowMs: number): readonly NamedEffect[];
}

export interface WorldOptions {
  readonly heartbeatMs: number;
  readonly tickMs: number;
  /** From a client to the coordinator, one way, in milliseconds. */
  readonly clientDelayMs: number;
  /** What the clock says at the beginning. */
  readonly startMs: number;
}

export interface Outcome {
  /** From the first task asked for to the last one ended. */
  readonly makespanMs: number;
  /** When each client had all of its tasks. */
  readonly clientEndMs: readonly number[];
  /** Slot-milliseconds that each client's tasks held until the first of the clients was done. */
  readonly sharesMs: readonly number[];
  readonly tasks: number;
  /** Tasks that went home: declined. They count as ended. */
  readonly declined: number;
  /** Assignments, copies of running tasks included. */
  readonly assigned: number;
  /** Milliseconds that tasks held slots whose result nobody took: lost with a worker, or a copy that came second. */
  readonly wastedMs: number;
  /** Events given to the scheduler, and the processor time it took for all of them, in milliseconds. */
  readonly events: number;
  readonly deciding: number;
}

export const WORLD: WorldOptions = { heartbeatMs: 10_000, tickMs: 1000, clientDelayMs: 0.5, startMs: 0 };

type Happening =
  | { readonly kind: 'say'; readonly event: NamedEvent }
  | { readonly kind: 'arrive'; readonly run: Run }
  | { readonly kind: 'done'; readonly run: Run }
  | { readonly kind: 'answer'; readonly run: Run; readonly isOk: boolean }
  | { readonly kind: 'stop'; readonly run: Run }
  | { readonly kind: 'die'; readonly machine: Machine; readonly isSeen: boolean }
  | { readonly kind: 'revive'; readonly machine: Machine }
  | { readonly kind: 'beat'; readonly machine: Machine; readonly life: number }
  | { readonly kind: 'tick' };

interface Machine {
  readonly model: ModelWorker;
  /** Counts its starts: what an earlier life began is gone. */
  life: number;
  isUp: boolean;
  /** The coordinator counts on it. */
  isAttached: boolean;
  /** What the coordinator believes to run there. */
  readonly runs: Map<string, Run>;
}

/** A task on a worker. */
interface Run {
  readonly task: ModelTask;
  readonly machine: Machine;
  readonly life: number;
  readonly sinceMs: number;
  state: 'sent' | 'running' | 'over';
}

interface Client {
  readonly model: ModelClient;
  next: number;
  ended: number;
  endMs: number;
  heldMs: number;
}

export function simulate(subject: Subject, grid: GridModel, options: WorldOptions = WORLD): Outcome {
  const diary = agenda<Happening>();
  const machines = new Map<string, Machine>();
  const clients = grid.clients.map((model): Client => ({ model, next: 0, ended: 0, endMs: 0, heldMs: 0 }));
  const tasks = new Map(grid.clients.flatMap(({ tasks }) => tasks.map((task) => [task.id, task] as const)));
  const open = new Set<string>();
  let nowMs = options.startMs;
  let left = tasks.size;
  let firstDone: readonly number[] | undefined;
  const count = { declined: 0, assigned: 0, wastedMs: 0, events: 0, deciding: 0 };

  function say(event: NamedEvent): void {
    const started = performance.now();
    const effects = subject.step(event, nowMs);
    count.deciding += performance.now() - started;
    count.events += 1;
    for (const effect of effects) follow(effect);
  }

  function follow(effect: NamedEffect): void {
    if (effect.kind === 'assign') assign(effect.task, effect.worker);
    else if (effect.kind === 'complete') finish(effect.task);
    else if (effect.kind === 'decline') {
      count.declined += 1;
      finish(effect.task);
    } else if (effect.kind === 'worker-lost') detach(machineOf(effect.worker));
    else {
      const run = machineOf(effect.worker).runs.get(effect.task);
      if (run !== undefined) diary.add(nowMs + run.machine.model.roundTripMs / 2, { kind: 'stop', run });
    }
  }

  function machineOf(id: string): Machine {
    const machine = machines.get(id);
    if (machine === undefined) throw new Error(`there is no worker ${id}`);
    return machine;
  }

  function assign(id: string, worker: string): void {
    const machine = machineOf(worker);
    const task = tasks.get(id);
    if (task === undefined || !open.has(id)) throw new Error(`${id} was assigned and is not waited for`);
    if (!machine.isAttached) throw new Error(`${id} was assigned to ${worker}, which is gone`);
    if (machine.runs.has(id)) throw new Error(`${id} was assigned to ${worker} twice`);
    if (machine.runs.size >= machine.model.offer.slots) throw new Error(`${worker} has more tasks than slots`);
    const run: Run = { task, machine, life: machine.life, sinceMs: nowMs, state: 'sent' };
    machine.runs.set(id, run);
    count.assigned += 1;
    diary.add(nowMs + machine.model.roundTripMs / 2, { kind: 'arrive', run });
  }

  function free(run: Run, isUseful: boolean): void {
    run.state = 'over';
    if (run.machine.runs.get(run.task.id) === run) run.machine.runs.delete(run.task.id);
    const heldMs = nowMs - run.sinceMs;
    if (!isUseful) count.wastedMs += heldMs;
    (clients[run.task.client] as Client).heldMs += heldMs;
  }

  function finish(id: string): void {
    if (!open.delete(id)) throw new Error(`${id} ended twice`);
    left -= 1;
    const client = clients[tasks.get(id)?.client ?? 0] as Client;
    client.ended += 1;
    client.endMs = nowMs;
    if (client.ended === client.model.tasks.length) firstDone ??= shares();
    submit(client);
  }

  function shares(): readonly number[] {
    const held = clients.map(({ heldMs }) => heldMs);
    for (const { runs } of machines.values())
      for (const run of runs.values()) held[run.task.client] = (held[run.task.client] ?? 0) + nowMs - run.sinceMs;
    return held;
  }

  function submit(client: Client): void {
    const task = client.model.tasks[client.next];
    if (task === undefined) return;
    client.next += 1;
    open.add(task.id);
    const { id, name } = task;
    const ask = { id, client: client.model.name, arch: 'x86_64', toolchain: 'g', pinnedTo: '', name };
    diary.add(nowMs + options.clientDelayMs, { kind: 'say', event: { kind: 'task-submitted', task: ask } });
  }

  function detach(machine: Machine): void {
    machine.isAttached = false;
    for (const run of [...machine.runs.values()]) free(run, false);
  }

  function attach(machine: Machine): void {
    detach(machine);
    machine.isUp = true;
    machine.isAttached = true;
    machine.life += 1;
    const { offer } = machine.model;
    say({ kind: 'worker-attached', worker: offer.id, offer });
    diary.add(nowMs + options.heartbeatMs, { kind: 'beat', machine, life: machine.life });
  }

  function isAlive(run: Run): boolean {
    return run.machine.isUp && run.machine.life === run.life && run.state !== 'over';
  }

  function happen(what: Happening): void {
    switch (what.kind) {
      case 'say':
        say(what.event);
        return;
      case 'arrive':
        if (!isAlive(what.run)) return;
        what.run.state = 'running';
        diary.add(nowMs + what.run.task.workMs / what.run.machine.model.speed, { kind: 'done', run: what.run });
        return;
      case 'done':
      case 'stop': {
        const { run } = what;
        if (!isAlive(run)) return;
        run.state = 'over';
        diary.add(nowMs + run.machine.model.roundTripMs / 2, { kind: 'answer', run, isOk: what.kind === 'done' });
        return;
      }
      case 'answer': {
        const { run, isOk } = what;
        const { task, machine } = run;
        if (machine.life !== run.life || !machine.isUp || machine.runs.get(task.id) !== run) return;
        free(run, isOk && open.has(task.id));
        const outcome = isOk
          ? ({ kind: 'ok', latencyMs: 2, cpuMs: task.workMs / machine.model.speed } as const)
          : ({ kind: 'declined', reason: 'cancelled', detail: '' } as const);
        say({ kind: 'task-ended', task: task.id, worker: machine.model.offer.id, outcome });
        return;
      }
      case 'die':
        what.machine.isUp = false;
        if (!what.isSeen || !what.machine.isAttached) return;
        detach(what.machine);
        say({ kind: 'worker-detached', worker: what.machine.model.offer.id });
        return;
      case 'revive':
        attach(what.machine);
        return;
      case 'beat':
        if (!what.machine.isUp || what.machine.life !== what.life) return;
        say({ kind: 'worker-heartbeat', worker: what.machine.model.offer.id });
        diary.add(nowMs + options.heartbeatMs, what);
        return;
      case 'tick':
        say({ kind: 'tick' });
        diary.add(nowMs + options.tickMs, what);
    }
  }

  for (const model of grid.workers) {
    const machine: Machine = { model, life: 0, isUp: false, isAttached: false, runs: new Map() };
    machines.set(model.offer.id, machine);
    attach(machine);
    for (const { fromMs, toMs, isSeen } of model.outages) {
      diary.add(nowMs + fromMs, { kind: 'die', machine, isSeen });
      diary.add(nowMs + toMs, { kind: 'revive', machine });
    }
  }
  for (const client of clients) for (let i = 0; i < client.model.jobs; i += 1) submit(client);
  diary.add(nowMs + options.tickMs, { kind: 'tick' });
  while (left > 0) {
    const entry = diary.next();
    if (entry === undefined) throw new Error(`${left} tasks never ended`);
    nowMs = entry.atMs;
    happen(entry.what);
  }
  return {
    makespanMs: nowMs - options.startMs,
    clientEndMs: clients.map(({ endMs }) => endMs - options.startMs),
    sharesMs: firstDone ?? shares(),
    tasks: tasks.size,
    ...count,
  };
}
