/** Draws from distributions, all from one seeded generator. */
import { drawBelow, type Random } from '../../src/scheduler/random.ts';

/** From 0 to below 1. */
export const draw = (random: Random): number => drawBelow(random, 2 ** 32) / 2 ** 32;

export const drawBetween = (random: Random, low: number, high: number): number => low + (high - low) * draw(random);

/** Log-normal with median 1; `sigma` is the standard deviation of the logarithm. Box and Muller's method. */
export function drawAround1(random: Random, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - draw(random))) * Math.cos(2 * Math.PI * draw(random));
  return Math.exp(sigma * normal);
}

/** One of the values, each as often as its weight says. */
export function drawOne<T>(random: Random, choices: readonly (readonly [T, number])[]): T {
  let left = draw(random) * choices.reduce((total, [, weight]) => total + weight, 0);
  for (const [value, weight] of choices) {
    left -= weight;
    if (left < 0) return value;
  }
  return (choices.at(-1) as readonly [T, number])[0];
}
