/** Results made here on their way to everybody else. They wait while this machine compiles: its user's build comes first. */
export interface ShareQueue {
  /** `bytes`: what is held in memory for it. */
  add(bytes: number, send: () => Promise<void>): void;
  /** Sends what waits, busy or not; resolves when all is sent. */
  flush(): Promise<void>;
}

/** More than this is not held back. In bytes. */
const HELD_LIMIT = 64 << 20;
const LOOK_AGAIN_MS = 200;

interface Waiting {
  readonly bytes: number;
  readonly send: () => Promise<void>;
}

export function shareQueue(isBusy: () => boolean): ShareQueue {
  const waiting: Waiting[] = [];
  let held = 0;
  let flushing = 0;
  let draining: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (flushing === 0 && held <= HELD_LIMIT && isBusy()) {
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
      draining ??= drain();
    },
    async flush() {
      flushing += 1;
      await draining;
      flushing -= 1;
    },
  };
}
