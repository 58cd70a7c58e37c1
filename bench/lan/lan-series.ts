/** Three hosts on a slow LAN: RE2 and abseil cold, then again after an edit of a header. */
import { appendFileSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from '../../test/bed/environment.ts';
import { letFilesAge } from '../contest.ts';
import { type Builder, type Place, plain } from './builders.ts';
import { distcc, distccPump } from './distcc.ts';
import type { Host, HostPlan, Link } from './hosts.ts';
import { icecream } from './icecream.ts';
import { measureBuild } from './measure.ts';
import { ours, oursRemote } from './ours.ts';
import { type HeaderUse, headerUsedBy, type Project, re2Project } from './projects.ts';
import { type Builds, runSeries, type Series } from './series.ts';

export const LAN_HOSTS: readonly HostPlan[] = [{ name: 'client' }, { name: 'one' }, { name: 'two' }];
export const LAN_LINK: Link = { kind: 'switch', mbit: 100, delayMs: 1 };
export const COLD = 'cold';
export const EDITED = 'one header edited';

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
    return { [COLD]: cold, [EDITED]: edited };
  };
}

export interface LanAsked {
  readonly bed: Bed;
  readonly hosts: readonly Host[];
  readonly runs: number;
  /** Only so many of RE2's files; undefined: all. */
  readonly files: number | undefined;
  readonly say: (text: string) => void;
}

/** All compiles go to the two others but plain's; `wants` is asked for each builder but plain. */
export function lanSeries(asked: LanAsked, wants: (name: string) => boolean): Promise<Series> {
  const {
    bed,
    hosts: [client, ...others],
    runs,
    files,
    say,
  } = asked;
  if (client === undefined) throw new Error('no client');
  const place: Place = { bed, client, helpers: others.map((host) => ({ host, slots: SLOTS })), localSlots: 0 };
  const project = re2Project(bed, files);
  const chosen = PEERS.filter(({ name }) => wants(name)).map((builder) => ({ builder, place, jobs: JOBS }));
  const entries = [{ builder: plain, place, jobs: PLAIN_JOBS }, ...chosen];
  return runSeries(project, entries, { runs, mine: [oursRemote, ours], builds: coldAndEdited(project, say), say });
}
