/** The rows of two hosts in `make bench`. */
import { fetchDebianSource, fetchRe2 } from '../../test/bed/sources.ts';
import { type BarId, barsOf } from '../bars.ts';
import { speedUpOf } from '../figures.ts';
import { absent, canHave, type Stage } from '../stage.ts';
import { openHosts } from './bench.ts';
import { type Builder, plain } from './builders.ts';
import { distcc, distccPump } from './distcc.ts';
import { outcomeOf } from './found.ts';
import { noHosts } from './hosts.ts';
import { icecream } from './icecream.ts';
import { ours, oursWarm } from './ours.ts';
import { re2Project, redisProject } from './projects.ts';
import type { Series, Take } from './series.ts';
import { TWO_HOSTS, type TwoHosts, twoHostSeries } from './two-hosts-series.ts';

const RUNS = 3;
/** RE2 takes most of a minute by each. */
const RE2_RUNS = 2;
/** Of its 183, evenly taken: all of them would be a third of the whole run. */
const RE2_FILES = 92;
const QUICK_RE2_FILES = 8;

const PEERS: readonly (readonly [string, Builder])[] = [
  ['distcc', distcc],
  ['pump', distccPump],
  ['icecream', icecream],
];

const wallSeconds = ({ wallMs }: Take): number => wallMs / 1000;

function report(stage: Stage, series: Series, build: 'redis' | 'RE2', note: string): void {
  const common = { build, ours, figure: wallSeconds, note };
  // Hosts begin every run with new daemons, whose code V8 has not compiled; who builds every day has others.
  const beside = [...PEERS.map(([, builder]) => builder), oursWarm];
  stage.found(`two ${build}`, outcomeOf(series, { ...common, peer: plain, ratio: speedUpOf, beside }));
  for (const [name, peer] of PEERS)
    stage.found(`two ${build} ${name}` as BarId, outcomeOf(series, { ...common, peer }));
}

const rowsOf = (build: 'redis' | 'RE2'): readonly BarId[] =>
  barsOf('two-hosts').filter((id) => id.startsWith(`two ${build}`));

/** To warm daemons up takes longer than what a quick look measures. */
const wantsOf =
  ({ quick }: Stage) =>
  (name: string): boolean =>
    !quick || name !== oursWarm.name;

async function redis(stage: Stage, hosts: TwoHosts): Promise<void> {
  if (!canHave(stage, rowsOf('redis'), () => fetchDebianSource('redis'))) return;
  const project = redisProject(hosts.bed, stage.quick);
  const series = await twoHostSeries(project, hosts, wantsOf(stage));
  report(stage, series, 'redis', stage.quick ? 'its libraries only' : 'MALLOC=libc');
}

export async function twoHostsSection(stage: Stage): Promise<void> {
  const lack = noHosts();
  if (lack !== undefined) return absent(stage, barsOf('two-hosts'), lack);
  const opened = await openHosts(TWO_HOSTS, { kind: 'direct' }, stage.atEnd);
  const runs = stage.quick ? 1 : RUNS;
  await redis(stage, { ...opened, runs, say: stage.say });
  await re2(stage, { ...opened, runs, say: stage.say });
}

async function re2(stage: Stage, hosts: TwoHosts): Promise<void> {
  if (!canHave(stage, rowsOf('RE2'), fetchRe2)) return;
  const files = stage.quick ? QUICK_RE2_FILES : RE2_FILES;
  const project = re2Project(hosts.bed, files);
  const runs = Math.min(hosts.runs, RE2_RUNS);
  const series = await twoHostSeries(project, { ...hosts, runs }, wantsOf(stage));
  report(stage, series, 'RE2', `${files} files`);
}
