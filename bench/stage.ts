/** What a section of `make bench` is given, and where it leaves what it finds. */
import type { BarId, SectionName } from './bars.ts';
import type { Outcome } from './rows.ts';

export interface Stage {
  /** Fewer rounds and files: for a look while working on it, not for figures to be quoted. */
  readonly quick: boolean;
  say(text: string): void;
  /** At once and not at the end: what is found stays found if the section fails later. */
  found(id: BarId, outcome: Outcome): void;
  /** To be done when the section ends, however it does; the last first. */
  atEnd(undo: () => Promise<void>): void;
}

/** What these rows need is not to be had here. */
export function absent({ found }: Pick<Stage, 'found'>, ids: readonly BarId[], why: string): void {
  for (const id of ids) found(id, { kind: 'absent', why });
}

/** Fetches what these rows need; where it cannot be had they say so, and the answer is false. */
export function canHave(stage: Pick<Stage, 'found'>, ids: readonly BarId[], fetch: () => unknown): boolean {
  try {
    fetch();
    return true;
  } catch (error) {
    absent(stage, ids, (error as Error).message);
    return false;
  }
}

export type Section = (stage: Stage) => Promise<void>;

/** Minutes after which a section is ended: some three times what it takes on two cores of 2024. */
export const LIMIT_MINUTES: Readonly<Record<SectionName, number>> = {
  'many-headers': 5,
  'one-line': 5,
  redis: 15,
  re2: 25,
  'client-cpu': 25,
  'two-hosts': 60,
  lan: 30,
  simulate: 10,
};
