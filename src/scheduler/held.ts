/**
 * Which tasks each worker has: lists of numbers in one block of memory. A list lies in a stretch of a power of two,
 * and moves to one twice as long when it is full.
 */
export interface Held {
  places: Int32Array;
  used: number;
  /** Stretches that are free, by the logarithm of their length. */
  readonly spare: number[][];
}

/** A list begins with eight places: most workers have no more slots. */
export const FIRST_STRETCH = 3;

export function newHeld(): Held {
  return { places: new Int32Array(1024), used: 0, spare: [] };
}

/** Where a free stretch of 2 ** `log` places begins. */
export function takeStretch(held: Held, log: number): number {
  const again = held.spare[log]?.pop();
  if (again !== undefined) return again;
  const from = held.used;
  held.used += 2 ** log;
  let length = held.places.length;
  while (length < held.used) length *= 2;
  if (length > held.places.length) {
    const places = new Int32Array(length);
    places.set(held.places);
    held.places = places;
  }
  return from;
}

export function dropStretch(held: Held, from: number, log: number): void {
  const spare = held.spare[log] ?? [];
  held.spare[log] = spare;
  spare.push(from);
}

/** Moves a full list of 2 ** `log` numbers to a stretch twice as long; where that begins. */
export function moveStretch(held: Held, from: number, log: number): number {
  const to = takeStretch(held, log + 1);
  held.places.copyWithin(to, from, from + 2 ** log);
  dropStretch(held, from, log);
  return to;
}
