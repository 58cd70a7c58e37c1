/**
 * Records as rows of numbers in one block of memory. A decision reads a handful of records anywhere among a hundred
 * thousand, and what that costs is how many lines of memory it touches: an object with a box for each fraction, in a map
 * by its name, is ten of them and moved by the garbage collector; a row is one or two, and no collector looks at it.
 */
export interface Rows {
  /** Two views of the same bytes: a row is 2 ** `shift` whole numbers of 32 bits, or half as many fractions. */
  ints: Int32Array;
  floats: Float64Array;
  readonly shift: number;
  /** Numbers given out so far; of these, the ones to be given out again, the latest first. */
  used: number;
  readonly spare: number[];
}

const FIRST_ROWS = 64;

/** @param shift 4 for rows of 64 bytes, 5 for rows of 128 */
export function newRows(shift: number): Rows {
  const bytes = new ArrayBuffer((FIRST_ROWS << shift) * Int32Array.BYTES_PER_ELEMENT);
  return { ints: new Int32Array(bytes), floats: new Float64Array(bytes), shift, used: 0, spare: [] };
}

/** The number of a row that nobody uses. What was in it is still there. */
export function takeRow(rows: Rows): number {
  const again = rows.spare.pop();
  if (again !== undefined) return again;
  const row = rows.used;
  rows.used += 1;
  if (rows.used << rows.shift > rows.ints.length) grow(rows);
  return row;
}

/** The row may be given out again. */
export function dropRow(rows: Rows, row: number): void {
  rows.spare.push(row);
}

function grow(rows: Rows): void {
  const ints = new Int32Array(rows.ints.length * 2);
  ints.set(rows.ints);
  rows.ints = ints;
  rows.floats = new Float64Array(ints.buffer);
}

/** A field of a row, by its place among the whole numbers. */
export const int = (rows: Rows, row: number, field: number): number => rows.ints[(row << rows.shift) + field] as number;

export function setInt(rows: Rows, row: number, field: number, value: number): void {
  rows.ints[(row << rows.shift) + field] = value;
}

/** The same by its place among the fractions: fraction 4 lies where the whole numbers 8 and 9 would. */
export const float = (rows: Rows, row: number, field: number): number =>
  rows.floats[(row << (rows.shift - 1)) + field] as number;

export function setFloat(rows: Rows, row: number, field: number, value: number): void {
  rows.floats[(row << (rows.shift - 1)) + field] = value;
}
