import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../test/bed/random.ts';
import { pathOrder } from './path-order.ts';

const SEED = Number(process.env.HG_SEED ?? 1);

test(`paths are sorted by their code units, whatever others became known meanwhile (HG_SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  const order = pathOrder();
  for (let round = 0; round < 50; round += 1) {
    const paths = [...new Set(Array.from({ length: random.below(80) }, () => anyPath(random)))];
    const items = paths.map((path) => ({ at: order.of(path) }));
    order.of(anyPath(random));
    const sorted = [...paths].sort((a, b) => (a < b ? -1 : 1));
    expect(order.sorted(items).map(({ at }) => at.path)).toEqual(sorted);
  }
});

test('a path is one object', () => {
  const order = pathOrder();
  const first = order.of('/b');
  order.of('/a');
  expect(order.of('/b')).toBe(first);
});

function anyPath(random: Random): string {
  const names = Array.from(
    { length: 1 + random.below(4) },
    () => ['a', 'b.h', 'ab', 'a-b', '\xff', 'Z'][random.below(6)],
  );
  return `/${names.join('/')}`;
}
