/**
 * Whether it is worth asking the grid for a stored result before a compile that this machine is free to do itself. In a
 * project that nobody has built before every question is in vain, and with what has to be looked at for it costs as
 * much as a hit.
 */
export interface LookupGate {
  isOpen(): boolean;
  found(): void;
  missed(): void;
}

/** So many questions in a row without an answer close the gate. */
const CLOSES_AFTER = 16;
/** Then one of so many still goes through: somebody may have built it meanwhile. */
const ONE_OF = 8;

export function lookupGate(): LookupGate {
  let misses = 0;
  let asked = 0;
  return {
    isOpen() {
      if (misses < CLOSES_AFTER) return true;
      asked += 1;
      return asked % ONE_OF === 0;
    },
    found() {
      misses = 0;
    },
    missed() {
      misses += 1;
    },
  };
}
