/**
 * `make bench-two-hosts`: a client with one processor and a second host with the other one, no delay between them. Cold
 * builds of redis and of RE2 with abseil, each builder with one compile at a time on either host. `node
 * bench/two-hosts.ts [--runs N] [--files N] [--quick] [--only NAME]...`, NAME: a builder, `redis` or `RE2`; results in
 * bench/results/two-hosts.json, or two-hosts-partial.json.
 */
import { runBench } from './lan/bench.ts';
import { ours, oursWarm } from './lan/ours.ts';
import { type Project, re2Project, redisProject } from './lan/projects.ts';
import type { Series } from './lan/series.ts';
import { TWO_HOST_JOBS, TWO_HOSTS, twoHostSeries } from './lan/two-hosts-series.ts';

const PROJECTS = ['redis', 'RE2'];

await runBench({
  name: 'two-hosts',
  hosts: TWO_HOSTS,
  link: { kind: 'direct' },
  mine: [ours, oursWarm],
  async measure(bed, hosts, { runs, files, wants }) {
    const isNamed = TWO_HOST_JOBS.some(([{ name }]) => wants(name));
    const say = (text: string): void => console.log(text);
    const one = (project: Project): Promise<Series> =>
      twoHostSeries(project, { bed, hosts, runs, say }, (name) => !isNamed || wants(name));
    const wanted = PROJECTS.some(wants) ? PROJECTS.filter(wants) : PROJECTS;
    const series: Series[] = [];
    if (wanted.includes('redis')) series.push(await one(redisProject(bed)));
    if (wanted.includes('RE2')) series.push(await one(re2Project(bed, files)));
    return { rows: series.flatMap(({ rows }) => rows), absent: series.flatMap(({ absent }) => absent) };
  },
});
