/** Two hosts with a processor each and nothing between them: cold builds by each builder, one compile at a time on either. */
import type { Bed } from '../../test/bed/environment.ts';
import { type Builder, type Place, plain } from './builders.ts';
import { distcc, distccPump } from './distcc.ts';
import type { Host, HostPlan } from './hosts.ts';
import { icecream } from './icecream.ts';
import { measureBuild } from './measure.ts';
import { ours, oursWarm } from './ours.ts';
import type { Project } from './projects.ts';
import { type Entry, runSeries, type Series } from './series.ts';

const CLIENT_CORE = 0;
const HELPER_CORE = 1;

/** The coordinator is on the second one. */
export const TWO_HOSTS: readonly HostPlan[] = [
  { name: 'client', core: CLIENT_CORE },
  { name: 'helper', core: HELPER_CORE },
];

/** How many compiles make starts at once: one on each host, and one more on its way to it. Ours asks for one more. */
export const TWO_HOST_JOBS: readonly (readonly [Builder, number])[] = [
  [plain, 1],
  [distcc, 3],
  [distccPump, 3],
  [icecream, 3],
  [ours, 4],
  [oursWarm, 4],
];

export interface TwoHosts {
  readonly bed: Bed;
  readonly hosts: readonly Host[];
  readonly runs: number;
  readonly say: (text: string) => void;
}

/** The builders, with plain first; `wants` is asked for each but that. */
export function twoHostSeries(
  project: Project,
  { bed, hosts: [client, helper], runs, say }: TwoHosts,
  wants: (name: string) => boolean,
): Promise<Series> {
  if (client === undefined || helper === undefined) throw new Error('two hosts are needed');
  const place: Place = { bed, client, helpers: [{ host: helper, slots: 1 }], localSlots: 1 };
  const chosen = TWO_HOST_JOBS.filter(([builder]) => builder === plain || wants(builder.name));
  const entries = chosen.map(([builder, jobs]): Entry => ({ builder, place, jobs }));
  return runSeries(project, entries, {
    runs,
    mine: [ours, oursWarm],
    builds: async (open, entry) => ({ [project.name]: await measureBuild(open, project, entry) }),
    say,
  });
}
