/**
 * `make bench-lan`: three hosts on a LAN of 100 Mbit/s and 1 ms each way, one of them the client. RE2 and abseil are built
 * cold, then again after an edit of a header that a tenth of the files read: wall time, and the bytes that cross the
 * client's interface. `node bench/lan.ts [--runs N] [--files N] [--only BUILDER]...`; results in bench/results/lan.json,
 * or lan-partial.json. All hosts share this machine's processors: the times compare builders, not machines.
 */
import { appendFileSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { letFilesAge } from './contest.ts';
import { runBench } from './lan/bench.ts';
import { type Builder, type Place, plain } from './lan/builders.ts';
import { distcc, distccPump } from './lan/distcc.ts';
import { icecream } from './lan/icecream.ts';
import { measureBuild } from './lan/measure.ts';
import { ours, oursRemote } from './lan/ours.ts';
import { type HeaderUse, headerUsedBy, type Project, re2Project } from './lan/projects.ts';
import { type Builds, runSeries } from './lan/series.ts';

const PEERS: readonly Builder[] = [distcc, distccPump, icecream, oursRemote, ours];
/** Of each of the two workers: with two processors in all, more would only take turns. */
const SLOTS = 1;
/** Enough to keep two workers busy while files are on their way. */
const JOBS = 4;
const PLAIN_JOBS = 2;
const EDIT = '\nextern int edited_by_the_bench;\n';
const USED_BY = 0.1;

/** Appends to the header and takes the objects made from it away; afterwards the header is as it was, its time as well. */
async function withEdit<T>(project: Project, { header, objects }: HeaderUse, work: () => Promise<T>): Promise<T> {
  const path = join(project.directory, header);
  const { atime, mtime } = statSync(path);
  const text = readFileSync(path);
  for (const object of objects) rmSync(join(project.directory, 'out', object));
  appendFileSync(path, EDIT);
  await letFilesAge();
  try {
    return await work();
  } finally {
    writeFileSync(path, text);
    utimesSync(path, atime, mtime);
  }
}

/** Cold, then after the edit. The header is chosen by the first build, which is plain's. */
function coldAndEdited(project: Project, say: (text: string) => void): Builds {
  let use: HeaderUse | undefined;
  return async (open, entry) => {
    const cold = await measureBuild(open, project, entry);
    if (use === undefined) {
      use = headerUsedBy(USED_BY, project.directory);
      say(`the header to be edited: ${use.header}, read by ${use.objects.length} of ${cold.compiles} files`);
    }
    const edited = await withEdit(project, use, () => measureBuild(open, project, entry, cold.compiles));
    return { cold, 'one header edited': edited };
  };
}

await runBench({
  name: 'lan',
  hosts: [{ name: 'client' }, { name: 'one' }, { name: 'two' }],
  link: { kind: 'switch', mbit: 100, delayMs: 1 },
  mine: [oursRemote, ours],
  async measure(bed, [client, ...others], { runs, files, wants }) {
    if (client === undefined) throw new Error('no client');
    const place: Place = { bed, client, helpers: others.map((host) => ({ host, slots: SLOTS })), localSlots: 0 };
    const project = re2Project(bed, files);
    const chosen = PEERS.filter(({ name }) => wants(name)).map((builder) => ({ builder, place, jobs: JOBS }));
    const entries = [{ builder: plain, place, jobs: PLAIN_JOBS }, ...chosen];
    const say = (text: string): void => console.log(text);
    return runSeries(project, entries, { runs, mine: [oursRemote, ours], builds: coldAndEdited(project, say), say });
  },
});
