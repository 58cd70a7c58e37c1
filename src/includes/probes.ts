import type { FileKind } from './port.ts';

/** One path asked about. A path below an absent directory shares the probe of that directory: its absence says it all. */
export interface Probe {
  readonly path: string;
  readonly kind: FileKind;
  /** Where the view says by itself that it is absent: the directory it would be an entry of, and its name there. */
  readonly lacking?: { readonly directory: Directory; readonly name: string };
  /** The directory whose entries decide whether it is there. */
  readonly home: Directory;
  /** They alone decide: it is a file, or no entry at all, and no link to anywhere. */
  readonly settled: boolean;
  /** It has been found not to hold any more. */
  isGone: boolean;
  /** The walk among whose results it is already. */
  listedIn: number;
}

/** A directory as spelled, with everything asked in it so far. */
export interface Directory {
  readonly path: string;
  readonly probes: Map<string, Probe>;
  /** What its entries decide: every probe whose home it is. */
  entries: Probe[];
  /** Those of `entries` that its entries do not decide alone. */
  loose: Probe[];
  /** Its entries at the moment `seenAt`: see `versionOf` in port.ts. */
  version: object | undefined;
  seenAt: number;
  /** The moment when a probe was last found not to hold any more. */
  changedAt: number;
  /** The walk that lists names in vain here, and those names. */
  vainIn: number;
  vain: string[];
  /** The walk that rests on it. */
  restsIn: number;
}

/** What follows from probes, for as long as they hold. */
export interface Conclusion {
  /** The homes of all those probes. */
  readonly homes: readonly Directory[];
  /** The moment for which it was last found to hold. */
  checkedAt: number;
  /** The walk that rests on it. */
  restsIn: number;
}

/** Where a name was found: in `directory`, after the candidates in `before` had none. */
export interface Resolution extends Conclusion {
  readonly name: string;
  readonly before: readonly Directory[];
  /** What was asked in each of `before`. */
  readonly vain: readonly Probe[];
  /** The file found, and the directory of the search list it lies in; undefined if there is none. */
  readonly hit: { readonly probe: Probe; readonly directory: Directory; readonly index: number } | undefined;
  /** The walk that the two below speak of. */
  walk: number;
  /** What became of the file found; undefined as long as no include led here. */
  verdict: 'followed' | 'left out' | undefined;
  /** The candidates in `before` are among the results. */
  listed: boolean;
}

/** Both compilers pass over a directory that bears a header's name and open anything else. */
export function isOpened(kind: FileKind): boolean {
  return kind === 'file' || kind === 'other';
}
