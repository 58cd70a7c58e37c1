/**
 * `make bench-lan`: three hosts on a LAN of 100 Mbit/s and 1 ms each way, one of them the client. RE2 and abseil are built
 * cold, then again after an edit of a header that a tenth of the files read: wall time, and the bytes that cross the
 * client's interface. `node bench/lan.ts [--runs N] [--files N] [--only BUILDER]...`; results in bench/results/lan.json,
 * or lan-partial.json. All hosts share this machine's processors: the times compare builders, not machines.
 */
import { runBench } from './lan/bench.ts';
import { LAN_HOSTS, LAN_LINK, lanSeries } from './lan/lan-series.ts';
import { ours, oursRemote } from './lan/ours.ts';

await runBench({
  name: 'lan',
  hosts: LAN_HOSTS,
  link: LAN_LINK,
  mine: [oursRemote, ours],
  measure: (bed, hosts, { runs, files, wants }) =>
    lanSeries({ bed, hosts, runs, files, say: (text) => console.log(text) }, wants),
});
