/**
 * What a compile that happens elsewhere costs the machine that asked for it: the CPU time of everything that runs on the
 * client, agent, launchers, include server and make's children, less what make itself takes. distcc preprocesses every
 * file each time; pump and ours are asked a second time, when both know the headers, and nothing may be a hit.
 */
import { availableParallelism } from 'node:os';
import { fetchRe2 } from '../test/bed/sources.ts';
import type { Tree } from '../test/bed/tree.ts';
import { barsOf } from './bars.ts';
import { letFilesAge } from './contest.ts';
import { type Beside, median, medians, type Pair } from './figures.ts';
import { openHosts } from './lan/bench.ts';
import { type Builder, type OpenBuilder, type Place, plain } from './lan/builders.ts';
import { distcc, distccPump } from './lan/distcc.ts';
import { type Host, noHosts } from './lan/hosts.ts';
import { runBuild, sameObjects, withBuilder } from './lan/measure.ts';
import { oursRemote } from './lan/ours.ts';
import { type Project, re2Project } from './lan/projects.ts';
import { absent, canHave, type Stage } from './stage.ts';

const RUNS = 2;
/** Of RE2's 183, evenly taken: enough for what a build costs once, such as its own start, to weigh what it does there. */
const FILES = 61;
const QUICK_FILES = 8;
const SLOTS = availableParallelism();
/** More than can be compiled at once, so that the helper never waits for the client. */
const JOBS = SLOTS + 2;

/** A client that used no more than this for a while has done with what a build left it to do. */
const REST_MS = 250;
const REST_CPU_MS = 2.5;
const REST_TRIES = 80;

async function rested(client: Host): Promise<void> {
  let before = client.cpuMs();
  for (let tries = 0; tries < REST_TRIES; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const now = client.cpuMs();
    if (now - before < REST_CPU_MS) return;
    before = now;
  }
}

interface Work {
  readonly place: Place;
  readonly project: Project;
  readonly files: number;
}

/** One build from nothing; CPU milliseconds of the client, with what it does after make has ended. */
async function buildOnce({ place: { client }, project }: Work, open: OpenBuilder, words: readonly string[] = []) {
  await project.clean();
  await rested(client);
  const before = client.cpuMs();
  const argv = [...client.on, ...open.call.before, ...project.make(open.call, JOBS), ...words];
  await runBuild(argv, project.directory, open.call.env);
  await rested(client);
  return client.cpuMs() - before;
}

/** Of make, its shells and what else a rule runs, with a compiler that does nothing. */
function makesOwn(work: Work): Promise<number> {
  return withBuilder(plain, work.place, async (open) => {
    const times: number[] = [];
    for (let i = 0; i < 3; i += 1) times.push(await buildOnce(work, open, ['CXX=true']));
    return median(times);
  });
}

interface Passes {
  /** CPU milliseconds of the client per compile, pass by pass. */
  readonly perCompile: readonly number[];
  /** Of the last pass, and of our agent alone. */
  readonly agentPerCompile: number;
  readonly objects: Tree;
  readonly proof: string;
}

/** `again`: variables of every pass after the first. */
function passesOf(builder: Builder, work: Work, count: number, own: number, again = {}): Promise<Passes> {
  return withBuilder(builder, work.place, async (open) => {
    const perCompile: number[] = [];
    let agentMs = 0;
    for (let pass = 0; pass < count; pass += 1) {
      const { call } = open;
      const asked = pass === 0 ? open : { ...open, call: { ...call, env: { ...call.env, ...again } } };
      // Not before the first pass: to ask the agent is to start it.
      const before = pass === 0 ? 0 : ((await open.agentCpuMs?.()) ?? 0);
      perCompile.push(((await buildOnce(work, asked)) - own) / work.files);
      agentMs = ((await open.agentCpuMs?.()) ?? 0) - before;
    }
    return {
      perCompile,
      agentPerCompile: agentMs / work.files,
      objects: work.project.objects(),
      proof: await open.proof(work.files * count),
    };
  });
}

/** Nothing that is stored is taken, here or from others. */
const TAKE_NOTHING = { HG_RECACHE: '1' };

interface Run {
  readonly mine: Passes;
  readonly distcc?: Passes;
  readonly pump?: Passes;
}

async function allOnce(work: Work, own: number, say: Stage['say'], trouble: Map<Builder, string>): Promise<Run> {
  const peer = async (builder: Builder, count: number): Promise<Passes | undefined> => {
    if (builder.lacking() !== undefined || trouble.has(builder)) return undefined;
    try {
      const passes = await passesOf(builder, work, count, own);
      say(`${builder.name}: ${shown(passes)}`);
      return passes;
    } catch (error) {
      trouble.set(builder, (error as Error).message);
      return undefined;
    }
  };
  const byDistcc = await peer(distcc, 1);
  const mine = await passesOf(oursRemote, work, 2, own, TAKE_NOTHING);
  say(`${oursRemote.name}: ${shown(mine)}`);
  const byPump = await peer(distccPump, 2);
  return { mine, ...(byDistcc && { distcc: byDistcc }), ...(byPump && { pump: byPump }) };
}

const shown = ({ perCompile, proof }: Passes): string =>
  `${perCompile.map((ms) => ms.toFixed(2)).join(', then ')} ms per compile; ${proof}`;

const lastOf = (passes: Passes): number => passes.perCompile.at(-1) ?? Number.NaN;
const firstOf = (passes: Passes): number => passes.perCompile[0] ?? Number.NaN;

function report(
  stage: Stage,
  runs: readonly Run[],
  expected: Tree,
  note: string,
  trouble: ReadonlyMap<Builder, string>,
) {
  const same = runs.map(({ mine }) => sameObjects(expected, mine.objects));
  const identical = [
    same.reduce((total, [part]) => total + part, 0),
    same.reduce((total, [, all]) => total + all, 0),
  ] as const;
  const beside: Beside[] = [{ who: 'ours, first pass', value: median(runs.map(({ mine }) => firstOf(mine))) }];
  const rows = [
    ['client distcc', distcc, (run: Run) => run.distcc],
    ['client pump', distccPump, (run: Run) => run.pump],
  ] as const;
  for (const [id, builder, of] of rows) {
    const lack = builder.lacking();
    const why = trouble.get(builder);
    const peers = runs.flatMap((run) => of(run) ?? []);
    const pairs = runs.flatMap((run): Pair[] => {
      const peer = of(run);
      return peer === undefined ? [] : [{ ours: lastOf(run.mine), peer: lastOf(peer) }];
    });
    if (lack !== undefined) stage.found(id, { kind: 'absent', why: lack });
    else if (why !== undefined) stage.found(id, { kind: 'failed', why });
    else {
      const others =
        builder === distccPump ? [{ who: `${builder.name}, first pass`, value: median(peers.map(firstOf)) }] : [];
      const said = `${note}; ${builder.name}: ${peers.at(-1)?.proof}${builder.note === '' ? '' : `; ${builder.note}`}`;
      stage.found(id, medians(pairs, { identical, beside: [...beside, ...others], note: said }));
    }
  }
}

export async function clientCpu(stage: Stage): Promise<void> {
  const lack = noHosts();
  const rows = barsOf('client-cpu');
  if (lack !== undefined) return absent(stage, rows, lack);
  if (!canHave(stage, rows, fetchRe2)) return;
  const { bed, hosts } = await openHosts([{ name: 'client' }, { name: 'helper' }], { kind: 'direct' }, stage.atEnd);
  const [client, helper] = hosts as readonly [Host, Host];
  if (Number.isNaN(client.cpuMs()))
    return absent(stage, rows, 'control groups of version 2 cannot be made: no CPU time of a client');
  const files = stage.quick ? QUICK_FILES : FILES;
  const place: Place = { bed, client, helpers: [{ host: helper, slots: SLOTS }], localSlots: 0 };
  const work: Work = { place, project: re2Project(bed, files), files };
  await letFilesAge();
  const expected = await withBuilder(plain, place, async (open) => {
    await buildOnce(work, open);
    return work.project.objects();
  });
  const own = await makesOwn(work);
  stage.say(`make itself: ${(own / files).toFixed(2)} ms per compile`);
  const trouble = new Map<Builder, string>();
  const runs: Run[] = [];
  const count = stage.quick ? 1 : RUNS;
  while (runs.length < count) runs.push(await allOnce(work, own, stage.say, trouble));
  const agent = median(runs.map(({ mine }) => mine.agentPerCompile)).toFixed(1);
  const note = `${files} files, all remote; of ours the agent ${agent} ms; make's own ${(own / files).toFixed(1)} ms taken off`;
  report(stage, runs, expected, note, trouble);
}
