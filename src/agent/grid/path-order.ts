/** A path with its place among all others: of two the one with the smaller rank comes first. */
export interface RankedPath {
  readonly path: string;
  readonly rank: number;
}

/**
 * The order of paths by their code units, kept as numbers. Each compile sends some 430 nodes in this order, mostly the same
 * ones: to sort them by their paths, which begin alike, takes half a millisecond, by numbers a tenth of it.
 */
export interface PathOrder {
  /** The path in its place, which is its own for good; the rank may change with any new path. */
  of(path: string): RankedPath;
}

interface Place {
  readonly path: string;
  rank: number;
}

export function pathOrder(): PathOrder {
  const known = new Map<string, Place>();
  const sorted: Place[] = [];
  const insert = (path: string): Place => {
    const at = placeFor(sorted, path);
    const before = sorted[at - 1]?.rank ?? (sorted[at]?.rank ?? 0) - 2;
    const after = sorted[at]?.rank ?? before + 2;
    const place = { path, rank: (before + after) / 2 };
    sorted.splice(at, 0, place);
    known.set(path, place);
    // Between two neighbours there is room for some 50 halvings.
    if (!(before < place.rank && place.rank < after)) for (const [i, one] of sorted.entries()) one.rank = i;
    return place;
  };
  return {
    of: (path) => known.get(path) ?? insert(path),
  };
}

/** How many of the sorted places come before a path that is not among them. */
function placeFor(sorted: readonly Place[], path: string): number {
  let low = 0;
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.path ?? '') < path) low = middle + 1;
    else high = middle;
  }
  return low;
}
