/** Members by number. */
export interface Members<T> {
  readonly size: number;
  /** The member with that number; numbers change whenever a member leaves. */
  at(index: number): T | undefined;
}

/** A set from which any member is picked by number in constant time: what choosing at random among thousands needs. */
export interface IndexedSet<T> extends Members<T> {
  has(member: T): boolean;
  /** Both are harmless where there is nothing to do. */
  add(member: T): void;
  remove(member: T): void;
}

/**
 * Members keep their number themselves: a map beside them costs two look-ups a change, each of them a miss of the
 * processor's cache with ten thousand members.
 * @param numberOf the member's number in this set, -1 where it is in none
 */
export function indexedSet<T>(
  numberOf: (member: T) => number,
  setNumber: (member: T, index: number) => void,
): IndexedSet<T> {
  const members: T[] = [];
  return {
    get size() {
      return members.length;
    },
    at: (index) => members[index],
    has: (member) => numberOf(member) >= 0,
    add(member) {
      if (numberOf(member) >= 0) return;
      setNumber(member, members.length);
      members.push(member);
    },
    remove(member) {
      const place = numberOf(member);
      if (place < 0) return;
      setNumber(member, -1);
      const last = members.pop() as T;
      if (last === member) return;
      members[place] = last;
      setNumber(last, place);
    },
  };
}
