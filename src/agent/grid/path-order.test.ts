import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../test/bed/random.ts';
import { pathOrder } from './path-order.ts';

const SEED = Number(process.env.HG_SEED ?? 1);

test(`ranks order paths as their code units do, whatever order they come in (HG_SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  const order = pathOrder();
  const paths = Array.from({ length: 2_000 }, () => anyPath(random));
  const places = paths.map((path) => order.of(path));
  const byRank = [...new Set(places)].sort((a, b) => a.rank - b.rank).map(({ path }) => path);
  expect(byRank).toEqual([...new Set(paths)].sort((a, b) => (a < b ? -1 : 1)));
  expect(paths.every((path, i) => order.of(path) === places[i])).toBe(true);
});

test('there is always room between two paths', () => {
  const order = pathOrder();
  const first = order.of('/a');
  const last = order.of('/z');
  const between = Array.from({ length: 300 }, (_, i) => order.of(`/b${'a'.repeat(300 - i)}`));
  const ranks = [last, ...between.map((_, i) => between[i]), first].map((place) => place?.rank ?? Number.NaN);
  expect(ranks.every((rank, i) => i === 0 || rank < (ranks[i - 1] ?? 0))).toBe(true);
});

function anyPath(random: Random): string {
  const names = Array.from(
    { length: 1 + random.below(4) },
    () => ['a', 'b.h', 'ab', 'a-b', '\xff', 'Z'][random.below(6)],
  );
  return `/${names.join('/')}`;
}
