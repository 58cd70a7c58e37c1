/** Kills and stops agents at random moments of a build, and watches how many compilers run meanwhile. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Bed } from './environment.ts';
import { signalProcess } from './processes.ts';
import type { Random } from './random.ts';

export interface Havoc {
  readonly kills: number;
  readonly stops: number;
}

/** Wreaks havoc until told to end; then every agent that is still stopped goes on or dies. */
export function startHavoc(bed: Bed, random: Random, budget: number): { end: () => Promise<Havoc> } {
  const count = { kills: 0, stops: 0 };
  let ended = false;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const run = async (): Promise<void> => {
    while (!ended && count.kills + count.stops < budget) {
      await pause(50 + random.below(1200));
      const pids = bed.agents();
      const pid = pids[random.below(pids.length)];
      if (ended || pid === undefined) continue;
      if (random.fraction() < 0.6) {
        signalProcess(pid, 'SIGKILL');
        count.kills += 1;
        continue;
      }
      signalProcess(pid, 'SIGSTOP');
      count.stops += 1;
      await pause(random.below(3500));
      signalProcess(pid, random.fraction() < 0.5 ? 'SIGCONT' : 'SIGKILL');
    }
  };
  const running = run();
  return {
    end: async () => {
      ended = true;
      await running;
      return count;
    },
  };
}

/** Samples how many compiler processes proper (cc1, cc1plus, clang) of one build run at once. */
export function watchCompilers(mark: string): { end: () => number } {
  let most = 0;
  const wanted = `HG_TEST_MARK=${mark}\0`;
  const timer = setInterval(() => {
    const found = readdirSync('/proc').filter((pid) => /^\d/.test(pid) && isMarkedCompiler(pid, wanted));
    // Whoever is there before and after the look at the last of them was there together with all the others: one that
    // ends and another that starts meanwhile are not two at once.
    most = Math.max(most, found.filter((pid) => isMarkedCompiler(pid, wanted)).length);
  }, 20);
  return {
    end: () => {
      clearInterval(timer);
      return most;
    },
  };
}

function isMarkedCompiler(pid: string, wanted: string): boolean {
  try {
    if (!/^(cc1|cc1plus)$/.test(readFileSync(`/proc/${pid}/comm`, 'latin1').trim())) return false;
    // The agent asks a compiler for its directories, by preprocessing nothing.
    if (/\0-E\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'))) return false;
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(wanted);
  } catch {
    return false;
  }
}
