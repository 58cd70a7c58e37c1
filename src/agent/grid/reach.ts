/**
 * Whether a coordinator can be counted on. A line that was cut and a process that was stopped say nothing at all, and the
 * kernel keeps their connections open: while somebody waits for an answer the coordinator is asked for signs of life, and
 * after a loss nobody waits for it again before it has given one.
 */
export interface Reach {
  /** Whether it is worth asking. Where it was not, this finds out in the background whether it is again. */
  isGood(): boolean;
  /** There was trouble on the way. True for the first to say so. */
  lose(): boolean;
  /** It said something: it need not be asked for a while. */
  hear(): void;
  /** Waits for `work` as long as there are signs of life; rejects with {@link Silent} where there are none. */
  during<T>(work: (alive: AbortSignal) => Promise<T>): Promise<T>;
}

/** The coordinator gave no sign of life. */
export class Silent extends Error {
  override readonly name = 'Silent';
}

export interface ReachOptions {
  /** Asks for a sign of life; rejects soon where there is none. */
  readonly ask: () => Promise<unknown>;
  readonly now: () => number;
  readonly times?: ReachTimes;
}

export interface ReachTimes {
  /** Between one sign of life and the next question. */
  readonly everyMs: number;
  /** How long nothing is asked after a loss. */
  readonly awayMs: number;
}

/**
 * Together with the two seconds of a question a silence lasts five at most before it is noticed. To ask again costs a
 * build nothing, and a coordinator that was started again is soon back.
 */
const TIMES: ReachTimes = { everyMs: 500, awayMs: 1_000 };
/** So many questions in a row without an answer: one may be lost on a machine that is busy. */
const UNANSWERED = 2;

export function reach({ ask, now, times = TIMES }: ReachOptions): Reach {
  let state: 'good' | 'away' | 'asking' = 'good';
  let awayUntil = 0;
  let waiting = 0;
  let listening: AbortController | undefined;
  let heardAt = Number.NEGATIVE_INFINITY;

  const lose = (): boolean => {
    const isFirst = state === 'good';
    state = 'away';
    awayUntil = now() + times.awayMs;
    return isFirst;
  };

  const listen = async (silence: AbortController): Promise<void> => {
    for (let unanswered = 0; waiting > 0; ) {
      await new Promise((resolve) => setTimeout(resolve, times.everyMs).unref());
      if (waiting === 0) break;
      if (now() - heardAt < times.everyMs) {
        unanswered = 0;
        continue;
      }
      unanswered = await ask().then(
        () => 0,
        () => unanswered + 1,
      );
      if (unanswered < UNANSWERED) continue;
      listening = undefined;
      silence.abort();
      return;
    }
    listening = undefined;
  };

  const ifSilent = (): AbortSignal => {
    if (listening === undefined) {
      listening = new AbortController();
      void listen(listening);
    }
    return listening.signal;
  };

  return {
    isGood() {
      if (state === 'away' && now() >= awayUntil) {
        state = 'asking';
        ask().then(
          () => {
            state = 'good';
          },
          () => lose(),
        );
      }
      return state === 'good';
    },
    lose,
    hear() {
      heardAt = now();
    },
    async during(work) {
      waiting += 1;
      const silence = ifSilent();
      let onSilence = (): void => {};
      const silent = new Promise<never>((_resolve, reject) => {
        onSilence = () => reject(new Silent('it gives no sign of life'));
        silence.addEventListener('abort', onSilence, { once: true });
      });
      try {
        return await Promise.race([work(silence), silent]);
      } finally {
        silence.removeEventListener('abort', onSilence);
        waiting -= 1;
      }
    },
  };
}
