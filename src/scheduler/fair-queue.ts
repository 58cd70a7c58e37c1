import type { Demand } from './choice.ts';
import { DURATION_CLASSES, durationClass } from './durations.ts';
import type { TaskRecord } from './model.ts';

/**
 * Waiting tasks, shared fairly between clients: the one with the fewest running tasks is served next (of several, the one
 * served longest ago), so that a build of a thousand files does not stand before a build of three. Within a client the
 * longest task goes first, and every fourth time the one that came first, so that nothing waits for ever.
 */
export interface FairQueue {
  /** Tasks that wait. */
  readonly size: number;
  /** Whose share a new task counts against, until {@link leave} says that the task is over. */
  enter(name: string): Client;
  leave(client: Client): void;
  push(task: TaskRecord): void;
  /** Takes out a task that waits here. */
  remove(task: TaskRecord): void;
  /**
   * The task to be served next among those whose demand is met; it stays in the queue.
   * @param stepsDown a task of so many classes below the longest is long enough: what takes long anywhere must not take
   *   several times as long on a slow worker
   */
  next(isMet: (demand: Demand) => boolean, stepsDown: number): TaskRecord | undefined;
  /** A task of the client holds a slot from now on, or no longer. */
  noteStart(client: Client): void;
  noteEnd(client: Client): void;
  /** The first waiting task of every demand, once per client. */
  heads(): TaskRecord[];
}

/** Somebody whose tasks share fairly with those of others. Changed by the queue alone. */
export interface Client {
  readonly name: string;
  readonly lanes: Map<string, Lane>;
  /** Tasks that are not over, those that wait, and slots held. */
  open: number;
  waiting: number;
  running: number;
  /** When it was served last, in servings of the queue; and how often it was. */
  served: number;
  servings: number;
}

/** Tasks of one client that are alike to workers: by their expected duration, of one class first come first. */
interface Lane {
  readonly demand: Demand;
  readonly heads: (TaskRecord | undefined)[];
  readonly tails: (TaskRecord | undefined)[];
  /** The classes that hold a task, as bits of a number: class 0 is the lowest bit. */
  filled: number;
}

/** Every so manyth serving of a client goes to who came first. */
const OLDEST_EVERY = 4;

/** @param longestFirst false: whoever came first goes first, whatever is known */
export function fairQueue(longestFirst: boolean): FairQueue {
  const clients = new Map<string, Client>();
  /** Clients with waiting tasks in the order in which they are served. */
  const order: Client[] = [];
  let size = 0;
  let servings = 0;

  /** What decides a client's place changes only between these two. */
  function takeOut(client: Client): void {
    if (client.waiting > 0) order.splice(placeOf(order, client), 1);
  }
  function putBack(client: Client): void {
    if (client.waiting > 0) order.splice(placeOf(order, client), 0, client);
  }

  return {
    get size() {
      return size;
    },
    enter(name) {
      let client = clients.get(name);
      if (client === undefined) {
        servings += 1;
        client = { name, lanes: new Map(), open: 0, waiting: 0, running: 0, served: servings, servings: 0 };
        clients.set(name, client);
      }
      client.open += 1;
      return client;
    },
    leave(client) {
      client.open -= 1;
      if (client.open === 0) clients.delete(client.name);
    },
    push(task) {
      append(task);
      size += 1;
      const { client } = task;
      takeOut(client);
      client.waiting += 1;
      putBack(client);
    },
    remove(task) {
      unlink(task);
      size -= 1;
      const { client } = task;
      takeOut(client);
      client.waiting -= 1;
      putBack(client);
    },
    next(isMet, stepsDown) {
      for (const client of order) {
        const byAge = !longestFirst || client.servings % OLDEST_EVERY === OLDEST_EVERY - 1;
        const task = byAge ? oldestOf(client, isMet) : longestOf(client, isMet, stepsDown);
        if (task !== undefined) return task;
      }
      return undefined;
    },
    noteStart(client) {
      servings += 1;
      takeOut(client);
      client.running += 1;
      client.served = servings;
      client.servings += 1;
      putBack(client);
    },
    noteEnd(client) {
      takeOut(client);
      client.running -= 1;
      putBack(client);
    },
    heads: () => order.flatMap((client) => [...client.lanes.values()].flatMap((lane) => headOf(lane) ?? [])),
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

/** The first task of a lane's longest class. */
const headOf = ({ heads, filled }: Lane): TaskRecord | undefined => heads[31 - Math.clz32(filled)];

/** The same at least so many classes below; where there is none, of the shortest. */
function shorterOf({ heads, filled }: Lane, stepsDown: number): TaskRecord | undefined {
  const below = filled & ((2 << Math.max(0, 31 - Math.clz32(filled) - stepsDown)) - 1);
  return heads[31 - Math.clz32(below === 0 ? filled & -filled : below)];
}

function longestOf(client: Client, isMet: (demand: Demand) => boolean, stepsDown: number): TaskRecord | undefined {
  let first: TaskRecord | undefined;
  for (const lane of client.lanes.values()) {
    const head = stepsDown === 0 ? headOf(lane) : shorterOf(lane, stepsDown);
    if (head === undefined || (first !== undefined && !isLonger(head, first))) continue;
    if (isMet(lane.demand)) first = head;
  }
  return first;
}

function isLonger(one: TaskRecord, other: TaskRecord): boolean {
  const by = durationClass(one.workMs) - durationClass(other.workMs);
  return by > 0 || (by === 0 && one.number < other.number);
}

function oldestOf(client: Client, isMet: (demand: Demand) => boolean): TaskRecord | undefined {
  let first: TaskRecord | undefined;
  for (const lane of client.lanes.values()) {
    if (!isMet(lane.demand)) continue;
    for (const head of lane.heads) {
      if (head !== undefined && (first === undefined || head.number < first.number)) first = head;
    }
  }
  return first;
}

function laneName({ arch, toolchain, pinnedTo }: Demand): string {
  return `${arch}\0${toolchain}\0${pinnedTo}`;
}

function append(task: TaskRecord): void {
  const { client, ask } = task;
  const name = laneName(ask);
  let lane = client.lanes.get(name);
  if (lane === undefined) {
    const none = (): undefined[] => Array<undefined>(DURATION_CLASSES).fill(undefined);
    lane = { demand: ask, heads: none(), tails: none(), filled: 0 };
    client.lanes.set(name, lane);
  }
  const at = durationClass(task.workMs);
  const tail = lane.tails[at];
  task.before = tail;
  task.after = undefined;
  if (tail === undefined) lane.heads[at] = task;
  else tail.after = task;
  lane.tails[at] = task;
  lane.filled |= 1 << at;
}

function unlink(task: TaskRecord): void {
  const name = laneName(task.ask);
  const { lanes } = task.client;
  const lane = lanes.get(name);
  if (lane === undefined) throw new Error(`task ${task.ask.id} does not wait here`);
  const at = durationClass(task.workMs);
  if (task.before === undefined) lane.heads[at] = task.after;
  else task.before.after = task.after;
  if (task.after === undefined) lane.tails[at] = task.before;
  else task.after.before = task.before;
  task.before = undefined;
  task.after = undefined;
  if (lane.heads[at] === undefined) lane.filled &= ~(1 << at);
  if (lane.filled === 0) lanes.delete(name);
}
