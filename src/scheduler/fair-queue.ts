import type { Demand } from './choice.ts';
import type { TaskRecord } from './model.ts';

/**
 * Waiting tasks, shared fairly between clients: the one with the fewest running tasks is served next (of several, the one
 * served longest ago), and within a client who came first. A build of a thousand files does not stand before a build
 * of three.
 */
export interface FairQueue {
  /** Tasks that wait. */
  readonly size: number;
  push(task: TaskRecord): void;
  /** Takes out a task that waits here. */
  remove(task: TaskRecord): void;
  /** The task to be served next among those whose demand is met; it stays in the queue. */
  next(isMet: (demand: Demand) => boolean): TaskRecord | undefined;
  /** A task of the client holds a slot from now on, or no longer. */
  noteStart(client: string): void;
  noteEnd(client: string): void;
  /** The first waiting task of every demand, once per client. */
  heads(): TaskRecord[];
}

/** Tasks of one client that are alike to workers, first come first. */
interface Lane {
  head: TaskRecord | undefined;
  tail: TaskRecord | undefined;
}

interface Client {
  readonly name: string;
  readonly lanes: Map<string, Lane>;
  waiting: number;
  running: number;
  /** When it was served last, in servings of the queue. */
  served: number;
}

export function fairQueue(): FairQueue {
  const clients = new Map<string, Client>();
  /** Clients with waiting tasks in the order in which they are served. */
  const order: Client[] = [];
  let size = 0;
  let servings = 0;

  function clientOf(name: string): Client {
    let client = clients.get(name);
    if (client === undefined) {
      servings += 1;
      client = { name, lanes: new Map(), waiting: 0, running: 0, served: servings };
      clients.set(name, client);
    }
    return client;
  }

  /** Changes what decides a client's place, and moves it there. */
  function change(client: Client, by: () => void): void {
    if (client.waiting > 0) order.splice(placeOf(order, client), 1);
    by();
    if (client.waiting > 0) order.splice(placeOf(order, client), 0, client);
    else if (client.running === 0) clients.delete(client.name);
  }

  return {
    get size() {
      return size;
    },
    push(task) {
      const client = clientOf(task.ask.client);
      append(client, task);
      size += 1;
      change(client, () => {
        client.waiting += 1;
      });
    },
    remove(task) {
      const client = clientOf(task.ask.client);
      takeOut(client, task);
      size -= 1;
      change(client, () => {
        client.waiting -= 1;
      });
    },
    next(isMet) {
      for (const client of order) {
        const task = firstOf(client, isMet);
        if (task !== undefined) return task;
      }
      return undefined;
    },
    noteStart(name) {
      const client = clientOf(name);
      servings += 1;
      change(client, () => {
        client.running += 1;
        client.served = servings;
      });
    },
    noteEnd(name) {
      const client = clientOf(name);
      change(client, () => {
        client.running -= 1;
      });
    },
    heads: () => order.flatMap((client) => [...client.lanes.values()].flatMap(({ head }) => head ?? [])),
  };
}

/** Where a client stands in the order, or would: no two have the same `served`. */
function placeOf(order: readonly Client[], client: Client): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(order[middle] as Client, client)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(one: Client, other: Client): boolean {
  return one.running < other.running || (one.running === other.running && one.served < other.served);
}

function firstOf(client: Client, isMet: (demand: Demand) => boolean): TaskRecord | undefined {
  let first: TaskRecord | undefined;
  for (const { head } of client.lanes.values()) {
    if (head === undefined || (first !== undefined && first.number < head.number)) continue;
    if (isMet(head.ask)) first = head;
  }
  return first;
}

function laneName({ arch, toolchain, pinnedTo }: Demand): string {
  return `${arch}\0${toolchain}\0${pinnedTo}`;
}

function append(client: Client, task: TaskRecord): void {
  const name = laneName(task.ask);
  const lane = client.lanes.get(name);
  task.before = lane?.tail;
  task.after = undefined;
  if (lane === undefined) {
    client.lanes.set(name, { head: task, tail: task });
    return;
  }
  if (lane.tail !== undefined) lane.tail.after = task;
  lane.tail = task;
}

function takeOut(client: Client, task: TaskRecord): void {
  const name = laneName(task.ask);
  const lane = client.lanes.get(name);
  if (lane === undefined) throw new Error(`task ${task.ask.id} does not wait here`);
  if (task.before === undefined) lane.head = task.after;
  else task.before.after = task.after;
  if (task.after === undefined) lane.tail = task.before;
  else task.after.before = task.before;
  task.before = undefined;
  task.after = undefined;
  if (lane.head === undefined) client.lanes.delete(name);
}
