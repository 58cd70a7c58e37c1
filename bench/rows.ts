/** A bar, what was measured for it, and how the two stand to each other. Pure. */
import { BAR_IDS, type Bar, type BarId, barOf, type SectionName } from './bars.ts';
import type { Measured } from './figures.ts';

export type Outcome =
  | Measured
  /** What it takes is not to be had on this machine. */
  | { readonly kind: 'absent'; readonly why: string }
  /** It was tried and did not work. */
  | { readonly kind: 'failed'; readonly why: string };

/** `different`: an output of ours is not the plain compiler's, which no figure makes good. */
export type Verdict = 'met' | 'missed' | 'different' | 'info' | 'absent' | 'failed';

/** One row of the table and of the file of results. */
export interface Row extends Bar {
  readonly id: BarId;
  readonly outcome: Outcome;
  readonly verdict: Verdict;
  /** How far on the good side of the limit, as a part of it; negative where the bar is missed. Null without a bar. */
  readonly margin: number | null;
}

const isSame = ({ identical }: Measured): boolean =>
  identical === null || (identical[0] === identical[1] && identical[1] > 0);

function marginOf({ sense, limit }: Bar, ratio: number): number | null {
  if (sense === 'info') return null;
  const way = sense === 'at least' ? ratio - limit : limit - ratio;
  return Math.round((way / limit) * 10_000) / 10_000;
}

export function rowOf(id: BarId, outcome: Outcome): Row {
  const bar = barOf(id);
  if (outcome.kind !== 'measured') return { id, ...bar, outcome, verdict: outcome.kind, margin: null };
  const margin = marginOf(bar, outcome.ratio);
  const isKept = margin !== null && (bar.sense === 'below' ? margin > 0 : margin >= 0);
  const verdict = !isSame(outcome) ? 'different' : margin === null ? 'info' : isKept ? 'met' : 'missed';
  return { id, ...bar, outcome, verdict, margin };
}

export type Found = ReadonlyMap<BarId, Outcome>;

/** Every row of the sections that were run; what a section did not find, `whyNot` explains. */
export function rowsOf(sections: readonly SectionName[], found: Found, whyNot: (id: BarId) => Outcome): readonly Row[] {
  return BAR_IDS.filter((id) => sections.includes(barOf(id).section)).map((id) =>
    rowOf(id, found.get(id) ?? whyNot(id)),
  );
}

/** No bar was missed, nothing failed, nothing differs. What could not be had is no fault of ours. */
export function isGood(rows: readonly Row[]): boolean {
  return rows.every(({ verdict }) => verdict === 'met' || verdict === 'info' || verdict === 'absent');
}
