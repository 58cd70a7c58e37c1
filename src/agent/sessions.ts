import type { RefusalReason } from '../base/refusal.ts';
import type { SessionCounters } from './control.ts';

/** What one wrapped build did, for its closing line. */
export interface Sessions {
  hit(session: string, savedMs: number): void;
  local(session: string): void;
  /** Compiled on a worker. */
  remote(session: string): void;
  refused(session: string, reason: RefusalReason): void;
  notCompile(session: string): void;
  read(session: string): SessionCounters;
}

type Counters = { -readonly [K in keyof SessionCounters]: SessionCounters[K] };

/** Builds remembered at once; older ones have long printed their line. */
const LIMIT = 200;

function fresh(): Counters {
  return { compiles: 0, hits: 0, local: 0, remote: 0, refused: 0, refusals: {}, notCompiles: 0, savedMs: 0 };
}

export function sessions(): Sessions {
  const known = new Map<string, Counters>();
  const of = (session: string): Counters => {
    const counters = known.get(session) ?? fresh();
    if (!known.has(session) && session !== '') {
      known.set(session, counters);
      for (const oldest of known.keys()) {
        if (known.size <= LIMIT) break;
        known.delete(oldest);
      }
    }
    return counters;
  };
  return {
    hit(session, savedMs) {
      const counters = of(session);
      counters.compiles += 1;
      counters.hits += 1;
      counters.savedMs += savedMs;
    },
    local(session) {
      const counters = of(session);
      counters.compiles += 1;
      counters.local += 1;
    },
    remote(session) {
      const counters = of(session);
      counters.compiles += 1;
      counters.remote += 1;
    },
    refused(session, reason) {
      const counters = of(session);
      counters.compiles += 1;
      counters.refused += 1;
      counters.refusals = { ...counters.refusals, [reason]: (counters.refusals[reason] ?? 0) + 1 };
    },
    notCompile(session) {
      of(session).notCompiles += 1;
    },
    read: (session) => ({ ...(known.get(session) ?? fresh()) }),
  };
}
