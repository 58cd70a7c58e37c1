/**
 * `make bench-lan`: three hosts on a LAN of 100 Mbit/s and 1 ms each way, one of them the client. RE2 and abseil are built
 * cold, then again after an edit of a header that a tenth of the files read: wall time, and the bytes that cross the
 * client's interface. `node bench/lan.ts [--runs N] [--files N] [--only NAME]...`. Writes bench/results/lan.json, or
 * lan-partial.json. Exit status 0: every object of ours is the plain compiler's; 1: not so; 2: something is missing here.
 */
import { appendFileSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeBed } from '../test/bed/environment.ts';
import type { Tree } from '../test/bed/tree.ts';
import { letFilesAge } from './contest.ts';
import { type Builder, type Place, plain } from './lan/builders.ts';
import { closeBuilder, type Measured, measureBuild, sameObjects, withBuilder } from './lan/contest.ts';
import { distcc, distccPump } from './lan/distcc.ts';
import { type Lan, noHosts, openLan } from './lan/hosts.ts';
import { icecream } from './lan/icecream.ts';
import { ours, oursRemote } from './lan/ours.ts';
import { type HeaderUse, headerUsedBy, type Project, re2Project } from './lan/projects.ts';

const BUILDERS: readonly Builder[] = [plain, distcc, distccPump, icecream, oursRemote, ours];
const LINK = { kind: 'switch', mbit: 100, delayMs: 1 } as const;
/** Of each of the two workers. */
const SLOTS = 1;
const JOBS = 4;
const EDIT = '\nextern int edited_by_the_bench;\n';
const USED_BY = 0.1;

const { values: asked } = parseArgs({
  options: { runs: { type: 'string' }, files: { type: 'string' }, only: { type: 'string', multiple: true } },
});
const runs = Number(asked.runs ?? 3);
const files = asked.files === undefined ? undefined : Number(asked.files);

const lack = noHosts();
if (lack !== undefined) {
  console.error(`bench-lan: ${lack}`);
  process.exit(2);
}

const bed = makeBed();
let lan: Lan | undefined;
async function removeAll(): Promise<void> {
  await closeBuilder().catch(() => {});
  await lan?.end();
  rmSync(bed.root, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void removeAll().finally(() => process.kill(process.pid, signal)));

interface Both {
  readonly cold: Measured;
  readonly edited: Measured;
}

/** Appends to the header and takes the objects made from it away, then puts it back with its old time. */
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

async function both(builder: Builder, project: Project, place: Place, known: { use?: HeaderUse }): Promise<Both> {
  await project.clean();
  await letFilesAge();
  return withBuilder(builder, place, async (open) => {
    const cold = await measureBuild(open, project, place, JOBS);
    known.use ??= headerUsedBy(USED_BY, project.directory);
    const edited = await withEdit(project, known.use, () => measureBuild(open, project, place, JOBS));
    return { cold, edited };
  });
}

async function measure(): Promise<boolean> {
  const names = ['client', 'one', 'two'].map((name) => ({ name }));
  lan = await openLan(bed.root, names, LINK);
  const [client, ...others] = lan.hosts;
  if (client === undefined) throw new Error('no client');
  const place: Place = { bed, client, helpers: others.map((host) => ({ host, slots: SLOTS })), localSlots: 0 };
  const project = re2Project(bed, files);
  const chosen = BUILDERS.filter(({ name }) => name === 'plain' || (asked.only ?? [name]).includes(name));
  const done = new Map<Builder, Both[]>(chosen.map((builder) => [builder, []]));
  const failed = new Map<Builder, string>();
  const known: { use?: HeaderUse } = {};
  let expected: { cold: Tree; edited: Tree } | undefined;
  for (let run = 0; run < runs; run += 1) {
    // Plain first in the first run, for the objects; then everybody takes turns.
    const turn = [...chosen.slice(run), ...chosen.slice(0, run)];
    for (const builder of turn) {
      const why = builder.lacking() ?? failed.get(builder);
      if (why !== undefined) {
        failed.set(builder, why);
        continue;
      }
      try {
        const one = await both(builder, project, place, known);
        expected ??= { cold: one.cold.objects, edited: one.edited.objects };
        done.get(builder)?.push(one);
        const [same, all] = sameObjects(expected.cold, one.cold.objects);
        console.log(
          `${run + 1}/${runs} ${builder.name}: ${(one.cold.wallMs / 1000).toFixed(1)} s, ${one.cold.sent} B sent, ${same}/${all} identical (${one.cold.proof}); edit: ${(one.edited.wallMs / 1000).toFixed(1)} s, ${one.edited.sent} B (${one.edited.proof})`,
        );
      } catch (error) {
        if (builder === plain || builder === ours || builder === oursRemote) throw error;
        failed.set(builder, (error as Error).message);
        console.log(`${builder.name}: ${(error as Error).message}`);
      }
    }
  }
  return true;
}

try {
  process.exitCode = (await measure()) ? 0 : 1;
} catch (error) {
  console.error(`bench-lan: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await removeAll();
}
