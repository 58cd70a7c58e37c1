/** From the takes of a series to the outcome of one bar. */
import { type Beside, median, medians, type Pair, ratioOf } from '../figures.ts';
import type { Outcome } from '../rows.ts';
import { type Builder, plain } from './builders.ts';
import type { Series, Take } from './series.ts';

export interface Comparison {
  readonly build: string;
  readonly ours: Builder;
  readonly peer: Builder;
  readonly figure: (take: Take) => number;
  /** What the row says of a pair; ours by theirs if absent. */
  readonly ratio?: (pair: Pair) => number;
  /** Whose medians stand beside. */
  readonly beside?: readonly Builder[];
  readonly note?: string;
}

/** Why a peer has no figure: it is not installed, or it failed. */
function reasonOf({ absent }: Series, peer: Builder): Outcome {
  const lack = peer.lacking();
  if (lack !== undefined) return { kind: 'absent', why: lack };
  const why = absent.find(({ builder }) => builder === peer.name)?.why ?? `${peer.name} built nothing`;
  return { kind: 'failed', why };
}

/** Pairs are of the same run; ours is the plain compiler's in every run or not at all. */
export function outcomeOf(series: Series, asked: Comparison): Outcome {
  const { build, ours, peer, figure, ratio = ratioOf, beside = [], note = '' } = asked;
  const takesOf = (builder: Builder): Take[] =>
    series.takes.filter((take) => take.build === build && take.builder === builder.name);
  const theirs = takesOf(peer);
  const pairs = takesOf(ours).flatMap((mine): Pair[] => {
    const other = theirs.find(({ run }) => run === mine.run);
    return other === undefined ? [] : [{ ours: figure(mine), peer: figure(other) }];
  });
  // A peer that failed in a later run has figures of the earlier ones, but what it is worth is not known.
  if (pairs.length === 0 || series.absent.some(({ builder }) => builder === peer.name)) return reasonOf(series, peer);
  const counts = takesOf(ours).map(({ identical }) => identical);
  const identical = [
    counts.reduce((total, [same]) => total + same, 0),
    counts.reduce((total, [, all]) => total + all, 0),
  ] as const;
  const others = beside.flatMap((builder): Beside[] => {
    const values = takesOf(builder).map(figure);
    return values.length === 0 ? [] : [{ who: builder.name, value: median(values) }];
  });
  // Of the plain compiler there is nothing to be said.
  const { name } = peer === plain ? ours : peer;
  const said = series.rows.find((row) => row.build === build && row.builder === name)?.note ?? '';
  const notes = [note, `${name}: ${said}`].filter((text) => text !== '');
  return medians(pairs, { identical, beside: others, note: notes.join('; ') }, ratio);
}
