import type { Digest } from '../base/digest.ts';
import type { CompileResult } from '../contract/generated/hybridgrid/v1/build.ts';
import type { ActionCache } from './action-cache.ts';
import type { AttachService } from './attach-service.ts';
import type { LateResults } from './late-results.ts';

/** A client's word that a result of the grid is not what the plain compiler makes. */
export interface MismatchReport {
  readonly action: Digest;
  /** The output's role, `stderr` or `exit code`. */
  readonly output: string;
  /** Digest of the output as it was delivered, in hex. */
  readonly delivered: string;
  readonly plain: string;
  readonly offset: number;
  /** Who says so: the address that the call came from, without its port. */
  readonly peer: string;
}

export interface MismatchVerdict {
  readonly dropped: boolean;
  readonly quarantined: boolean;
  readonly detail: string;
}

/** Hears that results are wrong, and what other workers make of the same compiles. */
export interface MismatchReports {
  report(report: MismatchReport): Promise<MismatchVerdict>;
  /** A result that is to be stored: another worker's of a questioned compile decides who was right. */
  heard(action: Digest, result: CompileResult): void;
}

export interface MismatchServices {
  readonly actions: ActionCache;
  readonly late: () => LateResults;
  readonly attached: () => AttachService;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  readonly log: (message: string, details: object) => void;
}

/** One address puts no more workers out of work than this within {@link WINDOW_MS}: a client whose own memory is bad. */
const QUARANTINES_OF_ONE = 2;
const WINDOW_MS = 3_600_000;
/** Questioned compiles that are remembered. */
const MOST_QUESTIONED = 256;

interface Questioned {
  readonly worker: string;
  readonly output: string;
  readonly delivered: string;
  readonly peer: string;
}

/** See docs/decisions/0024-verified-at-home.md for what one client's word is worth. */
export function mismatchReports(services: MismatchServices): MismatchReports {
  const { actions, late, attached, now, log } = services;
  const questioned = new Map<Digest, Questioned>();
  let quarantines: { readonly peer: string; readonly atMs: number }[] = [];

  const isTooMuch = (peer: string): boolean => {
    quarantines = quarantines.filter(({ atMs }) => now() - atMs < WINDOW_MS);
    return quarantines.filter((one) => one.peer === peer).length >= QUARANTINES_OF_ONE;
  };
  const remember = (action: Digest, about: Questioned): void => {
    questioned.set(action, about);
    const [oldest] = questioned.keys();
    if (questioned.size > MOST_QUESTIONED && oldest !== undefined) questioned.delete(oldest);
  };
  const accuse = (worker: string, { action, output, delivered, peer }: MismatchReport): MismatchVerdict => {
    const dropped = { dropped: true, quarantined: false };
    if (worker === '') return { ...dropped, detail: 'a client made it' };
    if (isTooMuch(peer)) return { ...dropped, detail: `more than ${QUARANTINES_OF_ONE} workers within an hour` };
    const isNew = attached().quarantine(worker, `a result was found wrong by ${peer}: action ${action}, ${output}`);
    if (!isNew) return { ...dropped, detail: 'the worker is not attached, or in quarantine already' };
    quarantines.push({ peer, atMs: now() });
    remember(action, { worker, output, delivered, peer });
    return { dropped: true, quarantined: true, detail: '' };
  };

  return {
    async report(report) {
      await late().settle(report.action);
      const stored = actions.find(report.action);
      // What the coordinator itself has on record counts, not what a client says of it.
      const verdict =
        stored !== undefined && holds(stored, report)
          ? accuse(stored.workerId, report)
          : { dropped: false, quarantined: false, detail: 'no such result is kept here' };
      if (verdict.dropped) actions.drop(report.action);
      log('a client found a result wrong', { ...report, worker: stored?.workerId ?? '', ...verdict });
      return verdict;
    },
    heard(action, result) {
      const about = questioned.get(action);
      if (about === undefined || result.workerId === '' || result.workerId === about.worker) return;
      questioned.delete(action);
      if (!holds(result, about)) return;
      log('another worker makes the same result: the quarantine is lifted, look at who reported it', {
        action,
        ...about,
        witness: result.workerId,
      });
      attached().release(about.worker);
    },
  };
}

/** Whether this is the result that was delivered. Diagnostics and exit codes have no digest on record. */
function holds(
  { outputs }: CompileResult,
  { output, delivered }: Pick<MismatchReport, 'output' | 'delivered'>,
): boolean {
  if (output === 'stderr' || output === 'exit code') return true;
  const found = outputs.find(({ role, present }) => role === output && present);
  return (found?.digest.toString('hex') ?? '') === delivered;
}
