/** A set from which any member is picked by number in constant time: what choosing at random among thousands needs. */
export interface IndexedSet<T> {
  readonly size: number;
  /** The member with that number; numbers change whenever a member leaves. */
  at(index: number): T | undefined;
  has(member: T): boolean;
  /** Both are harmless where there is nothing to do. */
  add(member: T): void;
  remove(member: T): void;
}

export function indexedSet<T>(): IndexedSet<T> {
  const members: T[] = [];
  const places = new Map<T, number>();
  return {
    get size() {
      return members.length;
    },
    at: (index) => members[index],
    has: (member) => places.has(member),
    add(member) {
      if (places.has(member)) return;
      places.set(member, members.length);
      members.push(member);
    },
    remove(member) {
      const place = places.get(member);
      if (place === undefined) return;
      places.delete(member);
      const last = members.pop() as T;
      if (last === member) return;
      members[place] = last;
      places.set(last, place);
    },
  };
}
