import { type Digest, sha256 } from '../base/digest.ts';

/** Chooses the deliveries that are compiled again. */
export interface VerifyChoice {
  /** `share`: of 1. The same seed chooses the same ones of the same deliveries. */
  chooses(key: Digest, share: number): boolean;
}

const DIGITS = 8;
const RANGE = 16 ** DIGITS;

/** With a counter, so that a file that is delivered again and again is chosen now and then whatever its key. */
export function verifyChoice(seed: string): VerifyChoice {
  let count = 0;
  return {
    chooses(key, share) {
      if (share <= 0) return false;
      count += 1;
      if (share >= 1) return true;
      return Number.parseInt(sha256(`${seed} ${count} ${key}`).slice(0, DIGITS), 16) < share * RANGE;
    },
  };
}
