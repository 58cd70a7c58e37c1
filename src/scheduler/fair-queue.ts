import { type Client, clientOrder } from './client-order.ts';
import type { Demands, KnownDemand } from './demands.ts';
import { DURATION_CLASSES } from './durations.ts';
import { int, type Rows, setInt } from './rows.ts';
import { AFTER, BEFORE, CLASS, CLIENT, DEMAND, isEarlier, NUMBER, type Tasks } from './tasks.ts';

/**
 * Waiting tasks, shared fairly between clients: the one with the fewest running tasks is served next (of several, the one
 * served longest ago), so that a build of a thousand files does not stand before a build of three. Within a client the
 * longest task goes first, and every fourth time the one that came first, so that nothing waits for ever.
 */
export interface FairQueue {
  /** Tasks that wait. */
  readonly size: number;
  /** Whose share a new task counts against, as a number, until {@link leave} says that the task is over. */
  enter(name: string): number;
  leave(client: number): void;
  push(task: number): void;
  /** Takes out a task that waits here. */
  remove(task: number): void;
  /**
   * The task to be served next among those whose demand is met; it stays in the queue. -1: there is none.
   * @param stepsDown a task of so many classes below the longest is long enough: what takes long anywhere must not take
   *   several times as long on a slow worker
   */
  next(isMet: (demand: KnownDemand) => boolean, stepsDown: number): number;
  /** A task of the client holds a slot from now on, or no longer. */
  noteStart(client: number): void;
  noteEnd(client: number): void;
  /** The first waiting task of every demand, once per client. */
  heads(): number[];
}

/** Tasks of one client that are alike to workers: by their expected duration, of one class first come first. */
export interface Lane {
  demand: number;
  /** By class; -1: none. */
  readonly heads: Int32Array;
  /** The numbers of these: reading the tasks themselves would cost a line of memory each. */
  readonly ages: Int32Array;
  readonly tails: Int32Array;
  /** The classes that hold a task, as bits of a number: class 0 is the lowest bit. */
  filled: number;
}

/** Every so manyth serving of a client goes to who came first. */
const OLDEST_EVERY = 4;
const NONE = -1;

/** @param longestFirst false: whoever came first goes first, whatever is known */
export function fairQueue(tasks: Tasks, demands: Demands, longestFirst: boolean): FairQueue {
  const { rows } = tasks;
  const clients = clientOrder();
  const spare: Lane[] = [];
  let size = 0;

  const demandAt = (lane: Lane): KnownDemand => demands.byNumber[lane.demand] as KnownDemand;

  function laneOf({ lanes }: Client, demand: number): Lane {
    let lane = lanes.get(demand);
    if (lane === undefined) {
      lane = spare.pop() ?? newLane();
      lane.demand = demand;
      lanes.set(demand, lane);
    }
    return lane;
  }

  function longestOf({ lanes }: Client, isMet: (demand: KnownDemand) => boolean, stepsDown: number): number {
    let first = NONE;
    for (const lane of lanes.values()) {
      const head = stepsDown === 0 ? headOf(lane) : shorterOf(lane, stepsDown);
      if (first !== NONE && !isLonger(tasks, head, first)) continue;
      if (isMet(demandAt(lane))) first = head;
    }
    return first;
  }

  function oldestOf({ lanes }: Client, isMet: (demand: KnownDemand) => boolean): number {
    let first = NONE;
    let age = 0;
    for (const lane of lanes.values()) {
      if (!isMet(demandAt(lane))) continue;
      for (let left = lane.filled; left !== 0; left &= left - 1) {
        const at = 31 - Math.clz32(left & -left);
        const head = lane.ages[at] as number;
        if (first !== NONE && !isEarlier(head, age)) continue;
        first = lane.heads[at] as number;
        age = head;
      }
    }
    return first;
  }

  return {
    get size() {
      return size;
    },
    enter: clients.enter,
    leave: clients.leave,
    push(task) {
      const client = int(rows, task, CLIENT);
      append(tasks, laneOf(clients.at(client), int(rows, task, DEMAND)), task);
      size += 1;
      clients.noteWaiting(client, 1);
    },
    remove(task) {
      const client = int(rows, task, CLIENT);
      const demand = int(rows, task, DEMAND);
      const { lanes } = clients.at(client);
      const lane = lanes.get(demand);
      if (lane === undefined) throw new Error(`task ${task} does not wait here`);
      unlink(tasks, lane, task);
      if (lane.filled === 0) {
        lanes.delete(demand);
        spare.push(lane);
      }
      size -= 1;
      clients.noteWaiting(client, -1);
    },
    next(isMet, stepsDown) {
      for (let place = 0; place < clients.waiting; place += 1) {
        const client = clients.inTurn(place);
        const byAge = !longestFirst || client.servings % OLDEST_EVERY === OLDEST_EVERY - 1;
        const task = byAge ? oldestOf(client, isMet) : longestOf(client, isMet, stepsDown);
        if (task !== NONE) return task;
      }
      return NONE;
    },
    noteStart: clients.noteStart,
    noteEnd: clients.noteEnd,
    heads: () =>
      Array.from({ length: clients.waiting }, (_, place) => clients.inTurn(place)).flatMap(({ lanes }) =>
        [...lanes.values()].map(headOf),
      ),
  };
}

function newLane(): Lane {
  const none = (): Int32Array => new Int32Array(DURATION_CLASSES).fill(NONE);
  return { demand: NONE, heads: none(), ages: none(), tails: none(), filled: 0 };
}

/** The first task of a lane's longest class. */
const headOf = ({ heads, filled }: Lane): number => heads[31 - Math.clz32(filled)] as number;

/** The same at least so many classes below; where there is none, of the shortest. */
function shorterOf({ heads, filled }: Lane, stepsDown: number): number {
  const below = filled & ((2 << Math.max(0, 31 - Math.clz32(filled) - stepsDown)) - 1);
  return heads[31 - Math.clz32(below === 0 ? filled & -filled : below)] as number;
}

function isLonger({ rows }: Tasks, one: number, other: number): boolean {
  const by = int(rows, one, CLASS) - int(rows, other, CLASS);
  return by > 0 || (by === 0 && isEarlier(int(rows, one, NUMBER), int(rows, other, NUMBER)));
}

function setHead(lane: Lane, at: number, task: number, rows: Rows): void {
  lane.heads[at] = task;
  if (task !== NONE) lane.ages[at] = int(rows, task, NUMBER);
}

function append({ rows }: Tasks, lane: Lane, task: number): void {
  const at = int(rows, task, CLASS);
  const tail = lane.tails[at] as number;
  setInt(rows, task, BEFORE, tail);
  setInt(rows, task, AFTER, NONE);
  if (tail === NONE) setHead(lane, at, task, rows);
  else setInt(rows, tail, AFTER, task);
  lane.tails[at] = task;
  lane.filled |= 1 << at;
}

function unlink({ rows }: Tasks, lane: Lane, task: number): void {
  const at = int(rows, task, CLASS);
  const before = int(rows, task, BEFORE);
  const after = int(rows, task, AFTER);
  if (before === NONE) setHead(lane, at, after, rows);
  else setInt(rows, before, AFTER, after);
  if (after === NONE) lane.tails[at] = before;
  else setInt(rows, after, BEFORE, before);
  if (lane.heads[at] === NONE) lane.filled &= ~(1 << at);
}
