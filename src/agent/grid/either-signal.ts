/** A signal that aborts with any of others, or when it is told to. */
export interface EitherSignal {
  readonly signal: AbortSignal;
  /** `reason`: without one an error would be made, with its stack, that nobody reads. */
  abort(reason: string): void;
  /** To be called when nobody looks at the signal any more: the others may live longer. */
  release(): void;
}

/**
 * What `AbortSignal.any` does with a controller of one's own, in a third of its time: three of those cost a compile 0.03 ms, and leave the
 * garbage collector with weak references to look after.
 */
export function eitherSignal(...others: readonly AbortSignal[]): EitherSignal {
  const controller = new AbortController();
  const follow = ({ target }: Event): void => controller.abort((target as AbortSignal).reason);
  for (const other of others) other.addEventListener('abort', follow, { once: true });
  const aborted = others.find((other) => other.aborted);
  if (aborted !== undefined) controller.abort(aborted.reason);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release() {
      for (const other of others) other.removeEventListener('abort', follow);
    },
  };
}
