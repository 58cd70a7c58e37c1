/** One place where two lists part: something replaced, removed (`now` undefined) or added (`before` undefined). */
export interface Change {
  readonly before: string | undefined;
  readonly now: string | undefined;
}

/** Longest-common-subsequence tables above this many cells are not worth the memory: 2,000 by 2,000 options. */
const MOST_CELLS = 4_000_000;

/**
 * How one list became the other, in order; empty exactly when they are equal. Within one stretch of changes what
 * went and what came are paired, so that `-O2` against `-O3` is one change and not two.
 */
export function sequenceChanges(before: readonly string[], now: readonly string[]): readonly Change[] {
  const shorter = Math.min(before.length, now.length);
  let head = 0;
  while (head < shorter && before[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1;
  const then = before.slice(head, before.length - tail);
  const after = now.slice(head, now.length - tail);
  if ((then.length + 1) * (after.length + 1) > MOST_CELLS) return paired(then, after);
  return stretches(then, after);
}

function paired(removed: readonly string[], added: readonly string[]): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at < Math.max(removed.length, added.length); at += 1) {
    if (removed[at] !== added[at]) changes.push({ before: removed[at], now: added[at] });
  }
  return changes;
}

function stretches(before: readonly string[], now: readonly string[]): Change[] {
  const common = commonLengths(before, now);
  const width = now.length + 1;
  const changes: Change[] = [];
  let removed: string[] = [];
  let added: string[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < now.length) {
    const here = before[row];
    const there = now[column];
    if (row < before.length && column < now.length && here === there) {
      changes.push(...paired(removed, added));
      removed = [];
      added = [];
      row += 1;
      column += 1;
    } else if (column >= now.length || (row < before.length && below(common, row, column, width))) {
      removed.push(here as string);
      row += 1;
    } else {
      added.push(there as string);
      column += 1;
    }
  }
  changes.push(...paired(removed, added));
  return changes;
}

/** True if leaving out the older item keeps at least as much in common as leaving out the newer one. */
function below(common: Uint32Array, row: number, column: number, width: number): boolean {
  return (common[(row + 1) * width + column] as number) >= (common[row * width + column + 1] as number);
}

/** `common[row * width + column]`: length of the longest common subsequence of the two rests. */
function commonLengths(before: readonly string[], now: readonly string[]): Uint32Array {
  const width = now.length + 1;
  const common = new Uint32Array((before.length + 1) * width);
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = now.length - 1; column >= 0; column -= 1) {
      const at = row * width + column;
      common[at] =
        before[row] === now[column]
          ? (common[at + width + 1] as number) + 1
          : Math.max(common[at + width] as number, common[at + 1] as number);
    }
  }
  return common;
}
