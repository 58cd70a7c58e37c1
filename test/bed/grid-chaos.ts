/** Kills, stops and restarts any part of a grid at random moments, as a seed says. */
import type { Bed } from './environment.ts';
import type { Daemon, Grid } from './grid.ts';
import { signalProcess } from './processes.ts';
import type { Random } from './random.ts';

export type Victim = 'worker' | 'coordinator' | 'agent';

/** What was done, `victim how` to how often. */
export type Deeds = Map<string, number>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The longest a process stays stopped. Longer than a launcher waits for its agent, and than a worker may be silent. */
const LONGEST_STOP_MS = 4500;
/** The longest a killed part of the grid stays away. */
const LONGEST_AWAY_MS = 2000;

/** Wreaks havoc until told to end; then whatever was killed runs again, and nothing is stopped. */
export function startGridHavoc(bed: Bed, grid: Grid, random: Random, budget: number): { end: () => Promise<Deeds> } {
  const deeds: Deeds = new Map();
  const mending: Promise<void>[] = [];
  let ended = false;
  let count = 0;
  const note = (what: string): void => {
    deeds.set(what, (deeds.get(what) ?? 0) + 1);
    count += 1;
  };
  const run = async (): Promise<void> => {
    while (!ended && count < budget) {
      await pause(50 + random.below(1200));
      const victim = (['worker', 'worker', 'coordinator', 'agent'] as const)[random.below(4)] ?? 'worker';
      const [index, isKill, isKilledLater] = [
        random.below(grid.workers.length),
        random.fraction() < 0.6,
        random.fraction() < 0.5,
      ];
      const [stopMs, awayMs] = [random.below(LONGEST_STOP_MS), random.below(LONGEST_AWAY_MS)];
      const pid = pidOf(bed, grid, victim, index);
      if (ended || pid === undefined) continue;
      note(`${victim} ${isKill ? 'killed' : isKilledLater ? 'stopped, killed' : 'stopped'}`);
      if (!isKill) {
        signalProcess(pid, 'SIGSTOP');
        await pause(stopMs);
      }
      signalProcess(pid, isKill || isKilledLater ? 'SIGKILL' : 'SIGCONT');
      if (victim !== 'agent' && (isKill || isKilledLater)) {
        await pause(awayMs);
        mending.push(victim === 'worker' ? grid.restartWorker(index) : grid.restartCoordinator());
        // A worker attaches only where there is a coordinator.
        await Promise.all(mending);
      }
    }
  };
  const running = run();
  return {
    end: async () => {
      ended = true;
      await running;
      await Promise.all(mending);
      return deeds;
    },
  };
}

function pidOf(bed: Bed, grid: Grid, victim: Victim, index: number): number | undefined {
  if (victim === 'agent') return bed.agents()[0];
  const daemon: Daemon | undefined = victim === 'worker' ? grid.workers[index] : grid.coordinator;
  return daemon?.pid;
}
