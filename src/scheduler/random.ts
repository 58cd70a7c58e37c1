/** A seeded generator: chance as a value, so that a run of the scheduler can be repeated from its seed. */
export interface Random {
  /** 32 bits; changed by every draw. */
  state: number;
}

export function seededRandom(seed: number): Random {
  return { state: seed >>> 0 };
}

/** A whole number from 0 to below `bound`. mulberry32: 32 bits of state are plenty for picking among workers. */
export function drawBelow(random: Random, bound: number): number {
  random.state = (random.state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(random.state ^ (random.state >>> 15), 1 | random.state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
}
