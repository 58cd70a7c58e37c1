/** What is to happen on a simulated clock, soonest first; of two at the same moment the one entered first. A binary heap. */
export interface Agenda<T> {
  readonly size: number;
  add(atMs: number, what: T): void;
  /** Takes out what is next, or undefined when nothing is left. */
  next(): { readonly atMs: number; readonly what: T } | undefined;
}

interface Entry<T> {
  readonly atMs: number;
  readonly number: number;
  readonly what: T;
}

const isBefore = (one: Entry<unknown>, other: Entry<unknown>): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number);

export function agenda<T>(): Agenda<T> {
  const heap: Entry<T>[] = [];
  let entered = 0;

  function rise(entry: Entry<T>): void {
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as Entry<T>;
      if (isBefore(above, entry)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  function sink(entry: Entry<T>): void {
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry<T>, heap[child] as Entry<T>)) child += 1;
      if (isBefore(entry, heap[child] as Entry<T>)) break;
      heap[at] = heap[child] as Entry<T>;
      at = child;
    }
    heap[at] = entry;
  }

  return {
    get size() {
      return heap.length;
    },
    add(atMs, what) {
      entered += 1;
      rise({ atMs, number: entered, what });
    },
    next() {
      const first = heap[0];
      const last = heap.pop();
      if (first !== undefined && last !== undefined && first !== last) sink(last);
      return first;
    },
  };
}
