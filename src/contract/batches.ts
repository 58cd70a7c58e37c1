/**
 * Gathers what is to be said within one turn of the event loop, so that it goes in one message. `weigh` gives bytes: a
 * batch that grows beyond `limit` goes at once.
 */
export function batches<T>(
  send: (items: T[]) => void,
  weigh: (item: T) => number = () => 0,
  limit = Number.POSITIVE_INFINITY,
): (item: T) => void {
  let items: T[] = [];
  let weight = 0;
  const flush = (): void => {
    if (items.length === 0) return;
    const gathered = items;
    items = [];
    weight = 0;
    send(gathered);
  };
  return (item) => {
    if (items.length === 0) setImmediate(flush);
    items.push(item);
    weight += weigh(item);
    if (weight > limit) flush();
  };
}
