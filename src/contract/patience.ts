/** Into so many steps the time is divided. */
const STEPS = 8;

/**
 * Does something after `ms` milliseconds of listening; what comes back puts it off for good. Where this process itself was
 * stopped, or at work for seconds, the answer it waits for may lie in the socket unread, and a deadline by the clock would
 * take our own silence for the other's. Between two steps sockets are read, and a step counts once however long it took.
 */
export function afterListening(ms: number, act: () => void): () => void {
  let left = STEPS;
  let timer: NodeJS.Timeout;
  const step = (): void => {
    if (left === 0) act();
    else {
      left -= 1;
      timer = setTimeout(step, ms / STEPS);
      timer.unref();
    }
  };
  step();
  return () => clearTimeout(timer);
}
