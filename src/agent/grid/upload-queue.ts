/**
 * Results made here on their way to a storage. They go at once, while the build goes on: in CI the machine is gone soon
 * after it. What a slow storage does not take in time is dropped, so that it costs no memory.
 */
export interface UploadQueue {
  /** `bytes`: what is held in memory for it. `send` is called when it is its turn, and never if there is too much. */
  add(bytes: number, send: () => Promise<void>): void;
  /** Resolves when nothing waits any more; what has not begun by then is dropped after {@link FLUSH_MS}. */
  flush(): Promise<void>;
  /** How many wait or are on their way. */
  readonly waiting: number;
}

/** Sent at once: enough for a server that is 20 ms away, too few to be noticed by the compiles. */
const LANES = 4;
/** What waits may hold so much, in bytes, and be so many: what a result holds besides its lists is some 20 kB. */
const HELD_LIMIT = 64 << 20;
const COUNT_LIMIT = 2_000;

/** An agent that is told to stop has 30 s in all (src/cli/commands/agent.ts), and what has begun may take 10. */
const FLUSH_MS = 18_000;

/** `dropped` is called for the first of a row of results that are not sent. */
export function uploadQueue(dropped: () => void): UploadQueue {
  const queue: { readonly bytes: number; readonly send: () => Promise<void> }[] = [];
  const idle: (() => void)[] = [];
  let held = 0;
  let running = 0;
  let isDropping = false;

  const serve = (): void => {
    while (running < LANES) {
      const next = queue.shift();
      if (next === undefined) break;
      running += 1;
      void next
        .send()
        .catch(() => {}) // Best effort.
        .then(() => {
          running -= 1;
          held -= next.bytes;
          serve();
        });
    }
    if (running === 0) for (const resolve of idle.splice(0)) resolve();
  };

  const giveUp = (): void => {
    if (queue.length > 0) dropped();
    for (const { bytes } of queue.splice(0)) held -= bytes;
  };

  return {
    add(bytes, send) {
      if (queue.length >= COUNT_LIMIT || held + bytes > HELD_LIMIT) {
        if (!isDropping) dropped();
        isDropping = true;
        return;
      }
      isDropping = false;
      held += bytes;
      queue.push({ bytes, send });
      serve();
    },
    async flush() {
      if (running === 0) return;
      const enough = setTimeout(() => giveUp(), FLUSH_MS);
      await new Promise<void>((resolve) => idle.push(resolve));
      clearTimeout(enough);
    },
    get waiting() {
      return running + queue.length;
    },
  };
}
