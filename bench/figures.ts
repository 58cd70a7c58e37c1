/** Medians, ratios and the rows made of them. Pure. */

/** One row of the table and of bench/results/latest.json. `ratio` is ours / peer: below 1 we are better. */
export interface Row {
  readonly name: string;
  readonly unit: 'ms';
  readonly ours: number;
  readonly peer: number;
  /** What `peer` is: `ccache` or `plain`. */
  readonly against: string;
  readonly ratio: number;
  /** What the ratio has to stay at or below; null where the row is for information only. */
  readonly bar: number | null;
  readonly pass: boolean | null;
  /** Lower and upper quartile of the ratios of single pairs. */
  readonly spread: readonly [number, number];
  /** How many pairs were measured. */
  readonly pairs: number;
  /** Outputs that are byte for byte the plain compiler's, of how many. */
  readonly identical: readonly [number, number];
}

/** Costs of the same work done by both, one after the other. */
export interface Pair {
  readonly ours: number;
  readonly peer: number;
}

/** The value below which the fraction `part` of the sorted numbers lies, interpolated. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);
export const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

export interface RowHead {
  readonly name: string;
  readonly against: string;
  readonly bar: number | null;
  readonly identical: readonly [number, number];
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

function row(head: RowHead, pairs: readonly Pair[], figures: { ours: number; peer: number; ratio: number }): Row {
  const ratios = pairs.map(({ ours, peer }) => ours / peer);
  const { name, against, bar, identical } = head;
  const ratio = round(figures.ratio);
  return {
    name,
    unit: 'ms',
    ours: round(figures.ours),
    peer: round(figures.peer),
    against,
    ratio,
    bar,
    pass: bar === null ? null : ratio <= bar,
    spread: [round(quantile(ratios, 0.25)), round(quantile(ratios, 0.75))],
    pairs: pairs.length,
    identical,
  };
}

/** Repetitions of one and the same work: medians, and the median of the paired ratios, which no burst of noise moves. */
export function rowOfMedians(head: RowHead, pairs: readonly Pair[]): Row {
  const ours = median(pairs.map((pair) => pair.ours));
  const peer = median(pairs.map((pair) => pair.peer));
  return row(head, pairs, { ours, peer, ratio: median(pairs.map((pair) => pair.ours / pair.peer)) });
}

/** Different pieces of work, each done once by both: totals. `extraOurs` is cost that belongs to no single piece. */
export function rowOfSums(head: RowHead, pairs: readonly Pair[], extraOurs = 0): Row {
  const ours = sum(pairs.map((pair) => pair.ours)) + extraOurs;
  const peer = sum(pairs.map((pair) => pair.peer));
  return row(head, pairs, { ours, peer, ratio: ours / peer });
}
