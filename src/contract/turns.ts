/** In milliseconds. */
const TURN_MS = 20;

/**
 * For work that is hundreds of small steps, each over in microseconds. On a disk that is slow they take seconds all the
 * same, and a process that says nothing meanwhile is taken for dead. What comes back is awaited after each step, and gives
 * everything else a turn where the last one was some milliseconds ago.
 */
export function takingTurns(): () => Promise<void> {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    began = performance.now();
  };
}
