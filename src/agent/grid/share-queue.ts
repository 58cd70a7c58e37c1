/**
 * Results made here on their way to everybody else. They wait until this machine has not compiled for a while: its user's
 * build comes first, the link at its end as well.
 */
export interface ShareQueue {
  /** `bytes`: what is held in memory for it. */
  add(bytes: number, send: () => Promise<void>): void;
  /** Sends what waits, busy or not; resolves when all is sent. */
  flush(): Promise<void>;
}

/** More than this is not held back. In bytes. */
const HELD_LIMIT = 64 << 20;
const LOOK_AGAIN_MS = 200;
const QUIET_MS = 3_000;

interface Waiting {
  readonly bytes: number;
  readonly send: () => Promise<void>;
}

export function shareQueue(isBusy: () => boolean, quietMs: number = QUIET_MS): ShareQueue {
  const waiting: Waiting[] = [];
  let held = 0;
  let flushing = 0;
  let draining: Promise<void> | undefined;
  let busyAt = 0;
  const isQuiet = (): boolean => {
    const now = performance.now();
    if (isBusy()) busyAt = now;
    return now - busyAt >= quietMs;
  };

  const drain = async (): Promise<void> => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (flushing === 0 && held <= HELD_LIMIT && !isQuiet()) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
        continue;
      }
      waiting.shift();
      await next.send().catch(() => {}); // Best effort.
      held -= next.bytes;
    }
    draining = undefined;
  };

  return {
    add(bytes, send) {
      waiting.push({ bytes, send });
      held += bytes;
      busyAt = performance.now();
      draining ??= drain();
    },
    async flush() {
      flushing += 1;
      await draining;
      flushing -= 1;
    },
  };
}
