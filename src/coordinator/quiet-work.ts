/** Work that waits until the grid has nothing better to do. */
export interface QuietWork {
  /** There is something to do, and just now something else was done: the quiet starts anew. */
  wake(): void;
  /** Nothing is begun any more. */
  stop(): void;
}

export interface QuietWorkOptions {
  /** Whether compiles are under way. */
  readonly isBusy: () => boolean;
  /** So long nothing was under way before work begins, in milliseconds; 500 where not given. */
  readonly quietMs?: number | undefined;
  /** A small piece of the work; resolves to false where nothing was left to do. */
  readonly step: () => Promise<boolean>;
  readonly log: (message: string, details: object) => void;
}

/** Longer than the pauses within a build, shorter than the way of a person to the next one. */
const QUIET_MS = 500;

export function startQuietWork({ isBusy, quietMs = QUIET_MS, step, log }: QuietWorkOptions): QuietWork {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  /** One step after another, and others are served in between. */
  async function workWhileIdle(): Promise<void> {
    let isMore = true;
    while (isMore && !isStopped && !isBusy()) {
      isMore = await step();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (isMore) wake();
  }

  function wake(): void {
    if (isStopped) return;
    if (timer !== undefined) {
      timer.refresh();
      return;
    }
    timer = setTimeout(() => {
      timer = undefined;
      if (isBusy()) wake();
      else workWhileIdle().catch((error: unknown) => log('work in a quiet moment failed', { error: String(error) }));
    }, quietMs);
    timer.unref();
  }

  return {
    wake,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
