import type { SessionCounters } from '../../agent/control.ts';
import { formatDuration } from '../../base/duration.ts';

/** What is known of a wrapped build after its end. */
export interface BuildOutcome {
  /** `undefined` where the agent could not be asked. */
  readonly counters: SessionCounters | undefined;
  readonly fallbacks: number;
}

/** `103 compiles: 100 hits, 2 local, 1 refused; saved 41 s`, or `undefined` where nothing was intercepted. */
export function summaryLine({ counters, fallbacks }: BuildOutcome): string | undefined {
  const compiles = (counters?.compiles ?? 0) + fallbacks;
  if (compiles === 0) return undefined;
  const parts: string[] = [];
  if (counters !== undefined) parts.push(count(counters.hits, 'hit'), `${counters.local} local`);
  if (counters !== undefined && counters.remote > 0) parts.push(`${counters.remote} remote`);
  if (counters !== undefined && counters.refused > 0) parts.push(`${counters.refused} refused`);
  if (fallbacks > 0) parts.push(`${fallbacks} without the agent (see \`hgbuild doctor\`)`);
  const saved = counters !== undefined && counters.hits > 0 ? `; saved ${formatDuration(counters.savedMs)}` : '';
  return `${count(compiles, 'compile')}: ${parts.join(', ')}${saved}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
