/** The rows of three hosts on a slow LAN in `make bench`. */
import { fetchRe2 } from '../../test/bed/sources.ts';
import { barsOf } from '../bars.ts';
import { absent, canHave, type Stage } from '../stage.ts';
import { openHosts } from './bench.ts';
import { distcc, distccPump } from './distcc.ts';
import { outcomeOf } from './found.ts';
import { noHosts } from './hosts.ts';
import { icecream } from './icecream.ts';
import { COLD, EDITED, LAN_HOSTS, LAN_LINK, lanSeries } from './lan-series.ts';
import { ours, oursRemote } from './ours.ts';
import type { Take } from './series.ts';

const RUNS = 2;
/** Of RE2's 183, evenly taken: bytes are the same every time, and a build by each of five is long. */
const FILES = 40;
const QUICK_FILES = 8;

const kilobytesSent = ({ sent }: Take): number => sent / 1000;
const wallSeconds = ({ wallMs }: Take): number => wallMs / 1000;

/** Like with like: every compile of either goes to the two others. */
export async function lanSection(stage: Stage): Promise<void> {
  const lack = noHosts();
  if (lack !== undefined) return absent(stage, barsOf('lan'), lack);
  if (!canHave(stage, barsOf('lan'), fetchRe2)) return;
  const opened = await openHosts(LAN_HOSTS, LAN_LINK, stage.atEnd);
  const files = stage.quick ? QUICK_FILES : FILES;
  const asked = { ...opened, runs: stage.quick ? 1 : RUNS, files, say: stage.say };
  const series = await lanSeries(asked, (name) => name !== ours.name);
  const cold = { build: COLD, ours: oursRemote, peer: distccPump, note: `${files} files`, beside: [distcc, icecream] };
  stage.found('lan bytes', outcomeOf(series, { ...cold, figure: kilobytesSent }));
  stage.found('lan wall', outcomeOf(series, { ...cold, figure: wallSeconds }));
  const edited = { ...cold, build: EDITED, peer: distcc, beside: [distccPump, icecream] };
  stage.found('lan edit', outcomeOf(series, { ...edited, figure: kilobytesSent }));
}
