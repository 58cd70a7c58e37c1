/**
 * Deliveries that wait to be compiled again, one at a time and only while nothing is compiled, stored or asked for here.
 * A launcher that comes in between stops the one that runs; it begins again later.
 */
export interface VerifyQueue<Sample> {
  /** The oldest fall out where too many wait. */
  add(sample: Sample): void;
  /** A launcher wants something. */
  disturb(): void;
  /** Ends what runs; nothing is begun any more. */
  stop(): void;
  /** Samples that wait or are being compiled. */
  readonly length: number;
}

export interface VerifyQueueServices<Sample> {
  /** Compiles, questions or results are under way here. */
  readonly isBusy: () => boolean;
  /** Compiles one again. `signal` aborts when it is in somebody's way. */
  readonly check: (sample: Sample, signal: AbortSignal) => Promise<void>;
  /** It fell out of the queue. */
  readonly dropped: (sample: Sample) => void;
  readonly failed: (error: unknown) => void;
}

/** A sample holds a command and its variables, some 10 kB. */
const MOST_WAITING = 32;
const LOOK_AGAIN_MS = 200;
/** As results wait that are sent to others: the link at the end of a build comes first. */
const QUIET_MS = 3_000;

/** `quietMs`: how long nothing must have happened here. */
export function verifyQueue<Sample>(
  { isBusy, check, dropped, failed }: VerifyQueueServices<Sample>,
  quietMs: number = QUIET_MS,
): VerifyQueue<Sample> {
  const waiting: Sample[] = [];
  let busyAt = performance.now();
  let stopped = false;
  let draining = false;
  let running: AbortController | undefined;

  const disturb = (): void => {
    busyAt = performance.now();
    // With a reason of its own: without one every abort makes an exception with a stack.
    running?.abort('disturbed');
  };
  const isQuiet = (): boolean => {
    const busy = isBusy();
    if (busy) busyAt = performance.now();
    return !busy && performance.now() - busyAt >= quietMs;
  };
  const checkOne = async (sample: Sample): Promise<void> => {
    const control = new AbortController();
    running = control;
    await check(sample, control.signal).catch(failed);
    running = undefined;
    if (control.signal.aborted && !stopped) waiting.unshift(sample);
  };
  const drain = async (): Promise<void> => {
    if (draining) return;
    draining = true;
    while (!stopped && waiting.length > 0) {
      const next = isQuiet() ? waiting.shift() : undefined;
      if (next === undefined) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      else await checkOne(next);
    }
    draining = false;
  };

  return {
    add(sample) {
      if (stopped) return;
      waiting.push(sample);
      const oldest = waiting.length > MOST_WAITING ? waiting.shift() : undefined;
      if (oldest !== undefined) dropped(oldest);
      void drain();
    },
    disturb,
    stop() {
      stopped = true;
      running?.abort('stopped');
    },
    get length() {
      return waiting.length + (running === undefined ? 0 : 1);
    },
  };
}
