/**
 * `make bench-two-hosts`: a client with one processor and a second host with the other one, no delay between them. Cold
 * builds of redis and of RE2 with abseil, each builder with one compile at a time on either host. `node
 * bench/two-hosts.ts [--runs N] [--files N] [--quick] [--only NAME]...`, NAME: a builder, `redis` or `RE2`; results in
 * bench/results/two-hosts.json, or two-hosts-partial.json.
 */
import { runBench } from './lan/bench.ts';
import { type Builder, type Place, plain } from './lan/builders.ts';
import { distcc, distccPump } from './lan/distcc.ts';
import { icecream } from './lan/icecream.ts';
import { measureBuild } from './lan/measure.ts';
import { ours, oursWarm } from './lan/ours.ts';
import { type Project, re2Project, redisProject } from './lan/projects.ts';
import { runSeries, type Series } from './lan/series.ts';

const CLIENT_CORE = 0;
const HELPER_CORE = 1;
/** How many compiles make starts at once: one on each host, and one more on its way to it. Ours asks for one more. */
const JOBS: readonly (readonly [Builder, number])[] = [
  [plain, 1],
  [distcc, 3],
  [distccPump, 3],
  [icecream, 3],
  [ours, 4],
  [oursWarm, 4],
];

const PROJECTS = ['redis', 'RE2'];

await runBench({
  name: 'two-hosts',
  hosts: [
    { name: 'client', core: CLIENT_CORE },
    { name: 'helper', core: HELPER_CORE },
  ],
  link: { kind: 'direct' },
  mine: [ours, oursWarm],
  async measure(bed, [client, helper], { runs, files, wants }) {
    if (client === undefined || helper === undefined) throw new Error('two hosts are needed');
    const place: Place = { bed, client, helpers: [{ host: helper, slots: 1 }], localSlots: 1 };
    const named = JOBS.filter(([{ name }]) => wants(name));
    const chosen = named.length === 0 ? JOBS : JOBS.filter(([builder]) => builder === plain || wants(builder.name));
    const entries = chosen.map(([builder, jobs]) => ({ builder, place, jobs }));
    const one = async (project: Project): Promise<Series> =>
      runSeries(project, entries, {
        runs,
        mine: [ours, oursWarm],
        builds: async (open, entry) => ({ [project.name]: await measureBuild(open, project, entry) }),
        say: (text) => console.log(text),
      });
    const wanted = PROJECTS.some(wants) ? PROJECTS.filter(wants) : PROJECTS;
    const series: Series[] = [];
    if (wanted.includes('redis')) series.push(await one(redisProject(bed)));
    if (wanted.includes('RE2')) series.push(await one(re2Project(bed, files)));
    return { rows: series.flatMap(({ rows }) => rows), absent: series.flatMap(({ absent }) => absent) };
  },
});
