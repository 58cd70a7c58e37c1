/**
 * A list of table indexes as runs: `[start, count, start, count, ...]`. Entries of one manifest share nearly all
 * their inputs, which stand in the table in the order they were first read: 272 inputs of which one changed are
 * `[0,5, 272,1, 6,266]`.
 */
export type Runs = readonly number[];

export function toRuns(indexes: Iterable<number>): number[] {
  const runs: number[] = [];
  let end = -1;
  for (const index of indexes) {
    if (index === end) {
      runs[runs.length - 1] = (runs[runs.length - 1] as number) + 1;
    } else {
      runs.push(index, 1);
    }
    end = index + 1;
  }
  return runs;
}

/** Calls `visit` with every index in order. */
export function eachIndex(runs: Runs, visit: (index: number) => void): void {
  for (let at = 0; at < runs.length; at += 2) {
    const start = runs[at] as number;
    const end = start + (runs[at + 1] as number);
    for (let index = start; index < end; index += 1) visit(index);
  }
}

/** Every index in order. */
export function indexesOf(runs: Runs): number[] {
  const indexes: number[] = [];
  eachIndex(runs, (index) => indexes.push(index));
  return indexes;
}

/** `value` as runs into a table of `tableLength` items, of at most `most` indexes; undefined if it is not that. */
export function parseRuns(value: unknown, tableLength: number, most: number): Runs | undefined {
  if (!Array.isArray(value) || value.length % 2 !== 0) return undefined;
  let length = 0;
  for (let at = 0; at < value.length; at += 2) {
    const start: unknown = value[at];
    const count: unknown = value[at + 1];
    if (!Number.isInteger(start) || !Number.isInteger(count)) return undefined;
    if ((start as number) < 0 || (count as number) < 1) return undefined;
    if ((start as number) + (count as number) > tableLength) return undefined;
    length += count as number;
  }
  return length <= most ? (value as number[]) : undefined;
}

/** Marks every index that occurs. */
export function markUsed(runs: Runs, used: Uint8Array): void {
  for (let at = 0; at < runs.length; at += 2) {
    const start = runs[at] as number;
    used.fill(1, start, start + (runs[at + 1] as number));
  }
}

/** Where each used item moves when the unused ones are taken out of a table. */
export function newPlaces(used: Uint8Array): Int32Array {
  const places = new Int32Array(used.length);
  let next = 0;
  for (let at = 0; at < used.length; at += 1) {
    places[at] = next;
    next += used[at] as number;
  }
  return places;
}

/** The same indexes after a move. Whatever a run covers is used, so it stays in one piece. */
export function moveRuns(runs: Runs, places: Int32Array): Runs {
  return runs.map((value, at) => (at % 2 === 0 ? (places[value] as number) : value));
}
