import type { Lane } from './fair-queue.ts';

/** Somebody whose tasks share fairly with those of others. Changed here alone, but for its lanes. */
export interface Client {
  readonly number: number;
  readonly name: string;
  /** Its waiting tasks, by the number of their demand. */
  readonly lanes: Map<number, Lane>;
  /** Tasks that are not over, those that wait, and slots held. */
  open: number;
  waiting: number;
  running: number;
  /** When it was served last, in servings of the queue; and how often it was. */
  served: number;
  servings: number;
}

/** Clients in the order in which they are served: fewest running tasks first, of several the one served longest ago. */
export interface ClientOrder {
  /** Clients that have waiting tasks. */
  readonly waiting: number;
  /** Of these, the one at a place of the order. */
  inTurn(place: number): Client;
  at(client: number): Client;
  enter(name: string): number;
  leave(client: number): void;
  /** So many of its tasks more wait. */
  noteWaiting(client: number, by: number): void;
  noteStart(client: number): void;
  noteEnd(client: number): void;
}

const FIRST_CLIENTS = 16;

export function clientOrder(): ClientOrder {
  const byName = new Map<string, Client>();
  const byNumber: Client[] = [];
  const spare: number[] = [];
  /** Numbers of clients with waiting tasks, in order. */
  let order = new Int32Array(FIRST_CLIENTS);
  let size = 0;
  let servings = 0;

  const at = (client: number): Client => byNumber[client] as Client;

  /** Where a client stands in the order, or would: no two have the same `served`. */
  function placeOf(client: Client): number {
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(at(order[middle] as number), client)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /** What decides a client's place changes only between these two. */
  function takeOut(client: Client): void {
    if (client.waiting === 0) return;
    const place = placeOf(client);
    order.copyWithin(place, place + 1, size);
    size -= 1;
  }
  function putBack(client: Client): void {
    if (client.waiting === 0) return;
    if (size === order.length) {
      const longer = new Int32Array(order.length * 2);
      longer.set(order);
      order = longer;
    }
    const place = placeOf(client);
    order.copyWithin(place + 1, place, size);
    order[place] = client.number;
    size += 1;
  }

  return {
    get waiting() {
      return size;
    },
    inTurn: (place) => at(order[place] as number),
    at,
    enter(name) {
      let client = byName.get(name);
      if (client === undefined) {
        servings += 1;
        const number = spare.pop() ?? byNumber.length;
        client = { number, name, lanes: new Map(), open: 0, waiting: 0, running: 0, served: servings, servings: 0 };
        byName.set(name, client);
        byNumber[number] = client;
      }
      client.open += 1;
      return client.number;
    },
    leave(number) {
      const client = at(number);
      client.open -= 1;
      if (client.open > 0) return;
      byName.delete(client.name);
      spare.push(number);
    },
    noteWaiting(number, by) {
      const client = at(number);
      const stays = client.waiting > 0 && client.waiting + by > 0;
      if (!stays) takeOut(client);
      client.waiting += by;
      if (!stays) putBack(client);
    },
    noteStart(number) {
      const client = at(number);
      servings += 1;
      takeOut(client);
      client.running += 1;
      client.served = servings;
      client.servings += 1;
      putBack(client);
    },
    noteEnd(number) {
      const client = at(number);
      takeOut(client);
      client.running -= 1;
      putBack(client);
    },
  };
}

function isBefore(one: Client, other: Client): boolean {
  return one.running < other.running || (one.running === other.running && one.served < other.served);
}
