/**
 * Whether a storage can be counted on. After trouble nobody waits for it for a second, after more trouble for two, and so
 * on up to a minute: one that is dead, or that answers later than a compile takes, costs a build a few questions in all.
 */
export interface Outage {
  /** Whether it is worth asking. Where it was not, this finds out in the background whether it is again. */
  isGood(): boolean;
  /** There was trouble. True for the first to say so. */
  lose(): boolean;
  /** It did what was asked. */
  worked(): void;
}

export interface OutageOptions {
  /** Asks something that costs nobody time: is it there again, and soon enough? Absent: time alone decides. */
  readonly probe?: () => Promise<boolean>;
  /** In milliseconds. */
  readonly now: () => number;
}

/** In milliseconds. */
const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

export function outage({ probe, now }: OutageOptions): Outage {
  let state: 'good' | 'away' | 'asking' = 'good';
  let awayMs = 0;
  let until = 0;
  const lose = (): boolean => {
    const isFirst = state === 'good';
    // Questions that were on their way together fail together: that is one trouble.
    if (state !== 'away') awayMs = Math.min(LONGEST_MS, Math.max(FIRST_MS, 2 * awayMs));
    if (state !== 'away') until = now() + awayMs;
    state = 'away';
    return isFirst;
  };
  const ask = (asking: () => Promise<boolean>): void => {
    state = 'asking';
    asking().then(
      (answered) => {
        if (!answered) lose();
        else if (state === 'asking') state = 'good';
      },
      () => lose(),
    );
  };
  return {
    isGood() {
      if (state === 'away' && now() >= until) {
        if (probe === undefined) state = 'good';
        else ask(probe);
      }
      return state === 'good';
    },
    lose,
    worked() {
      if (state === 'good') awayMs = 0;
    },
  };
}
