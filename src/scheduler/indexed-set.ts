import { int, type Rows, setInt } from './rows.ts';

/** Numbers of rows, by their place. */
export interface Members {
  readonly size: number;
  /** The member at that place, from 0 to below `size`; places change whenever a member leaves. */
  at(index: number): number;
}

/** A set from which any member is picked by place in constant time: what choosing at random among thousands needs. */
export interface IndexedSet extends Members {
  has(member: number): boolean;
  /** Both are harmless where there is nothing to do. */
  add(member: number): void;
  remove(member: number): void;
}

const FIRST_MEMBERS = 8;

/**
 * Rows keep their place themselves: a map beside them costs two look-ups a change, each of them a miss of the
 * processor's cache with ten thousand members.
 * @param field where a row keeps its place in this set, -1 where it is in none
 */
export function indexedSet(rows: Rows, field: number): IndexedSet {
  let members = new Int32Array(FIRST_MEMBERS);
  let size = 0;
  return {
    get size() {
      return size;
    },
    at: (index) => members[index] as number,
    has: (member) => int(rows, member, field) >= 0,
    add(member) {
      if (int(rows, member, field) >= 0) return;
      if (size === members.length) members = grown(members);
      setInt(rows, member, field, size);
      members[size] = member;
      size += 1;
    },
    remove(member) {
      const place = int(rows, member, field);
      if (place < 0) return;
      setInt(rows, member, field, -1);
      size -= 1;
      const last = members[size] as number;
      if (last === member) return;
      members[place] = last;
      setInt(rows, last, field, place);
    },
  };
}

function grown(members: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(members.length * 2);
  more.set(members);
  return more;
}
