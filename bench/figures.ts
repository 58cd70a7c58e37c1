/** Medians, ratios and what was measured for one bar. Pure. */

/** Costs of the same work done by both, one after the other. */
export interface Pair {
  readonly ours: number;
  readonly peer: number;
}

/** Somebody else's figure for the same work, in the same unit: never a bar. */
export interface Beside {
  readonly who: string;
  readonly value: number;
}

/** What was measured for one bar. */
export interface Measured {
  readonly kind: 'measured';
  readonly ours: number;
  readonly peer: number;
  /** ours / peer, or what the row says instead. */
  readonly ratio: number;
  /** Of the ratios of single pairs: the quartiles, or the least and the most where pairs are few. */
  readonly spread: readonly [number, number];
  readonly spreadIs: 'quartiles' | 'least and most';
  /** How many pairs were measured. */
  readonly runs: number;
  /** Outputs that are byte for byte the plain compiler's, of how many; null where the row compiles nothing. */
  readonly identical: readonly [number, number] | null;
  readonly beside: readonly Beside[];
  /** What else is to be known: a sample instead of all, what the builders' own records say. */
  readonly note: string;
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

export type More = Pick<Measured, 'identical'> & Partial<Pick<Measured, 'beside' | 'note'>>;

/** Fewer pairs than these have no quartiles worth the name. */
const QUARTILES_FROM = 8;

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

export const ratioOf = ({ ours, peer }: Pair): number => ours / peer;
/** How many times as fast: plain's time by ours. */
export const speedUpOf = ({ ours, peer }: Pair): number => peer / ours;

function spreadOf(ratios: readonly number[]): Pick<Measured, 'spread' | 'spreadIs'> {
  if (ratios.length < QUARTILES_FROM)
    return { spread: [round(Math.min(...ratios)), round(Math.max(...ratios))], spreadIs: 'least and most' };
  return { spread: [round(quantile(ratios, 0.25)), round(quantile(ratios, 0.75))], spreadIs: 'quartiles' };
}

function measured(pairs: readonly Pair[], figures: Pair & { ratio: number }, ratios: readonly number[], more: More) {
  if (pairs.length === 0) throw new Error('nothing was measured');
  const { ours, peer, ratio } = figures;
  const { identical, beside = [], note = '' } = more;
  return {
    kind: 'measured' as const,
    ours: round(ours),
    peer: round(peer),
    ratio: round(ratio),
    ...spreadOf(ratios),
    runs: pairs.length,
    identical,
    beside: beside.map(({ who, value }) => ({ who, value: round(value) })),
    note,
  };
}

/** Repetitions of one and the same work: medians, and the median of the paired ratios, which no burst of noise moves. */
export function medians(pairs: readonly Pair[], more: More, ratio: (pair: Pair) => number = ratioOf): Measured {
  const ours = median(pairs.map((pair) => pair.ours));
  const peer = median(pairs.map((pair) => pair.peer));
  const ratios = pairs.map(ratio);
  return measured(pairs, { ours, peer, ratio: median(ratios) }, ratios, more);
}

/** Different pieces of work, each done once by both: totals. `extraOurs` is cost that belongs to no single piece. */
export function totals(pairs: readonly Pair[], more: More, extraOurs = 0): Measured {
  const ours = sum(pairs.map((pair) => pair.ours)) + extraOurs;
  const peer = sum(pairs.map((pair) => pair.peer));
  return measured(pairs, { ours, peer, ratio: ours / peer }, pairs.map(ratioOf), more);
}
