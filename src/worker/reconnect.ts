const FIRST_MS = 200;
const LONGEST_MS = 5_000;

/**
 * How long to wait before the next try, in milliseconds: twice as long at most with every try in vain, and anywhere
 * below that, so that the workers of a coordinator that restarts do not come back all at once.
 * @param failures tries in vain since the last one that worked
 * @param chance in [0, 1)
 */
export function reconnectDelay(failures: number, chance: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return FIRST_MS + (longest - FIRST_MS) * chance;
}

/** Resolves after so many milliseconds, or with the abort. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
