/** Several builders, several times, in turns; what comes out is compared with what the plain compiler made first. */
import type { Tree } from '../../test/bed/tree.ts';
import { letFilesAge } from '../contest.ts';
import { type Builder, type OpenBuilder, type Place, plain } from './builders.ts';
import { type Measured, sameObjects, withBuilder } from './measure.ts';
import type { Project } from './projects.ts';
import { type Absent, type LanRow, rowOf, type Sample } from './table.ts';

export interface Entry {
  readonly builder: Builder;
  readonly place: Place;
  /** For make. */
  readonly jobs: number;
}

/** Builds that are measured with one opened builder, by name; the first begins cold. */
export type Builds = (open: OpenBuilder, entry: Entry) => Promise<Readonly<Record<string, Measured>>>;

/** One build by one builder in one run. */
export interface Take extends Sample {
  readonly run: number;
  readonly build: string;
  readonly builder: string;
}

export interface Series {
  readonly rows: readonly LanRow[];
  readonly absent: readonly Absent[];
  readonly takes: readonly Take[];
}

interface Taken {
  readonly entry: Entry;
  readonly builds: Readonly<Record<string, Measured>>;
}

/** `entries` begin with the plain one, whose first objects are the measure of all. Trouble with one of `mine` ends the series. */
export async function runSeries(
  project: Project,
  entries: readonly Entry[],
  { runs, mine, builds, say }: { runs: number; mine: readonly Builder[]; builds: Builds; say: (text: string) => void },
): Promise<Series> {
  const absent: Absent[] = entries.flatMap(({ builder }) => {
    const why = builder.lacking();
    return why === undefined ? [] : [{ builder: builder.name, why }];
  });
  const taken: Taken[][] = [];
  for (let run = 0; run < runs; run += 1) {
    taken.push([]);
    // Who goes first changes from run to run, but for plain, which the others are divided by.
    const [first, ...others] = entries;
    const shift = others.length === 0 ? 0 : run % others.length;
    for (const entry of [first as Entry, ...others.slice(shift), ...others.slice(0, shift)]) {
      if (absent.some(({ builder }) => builder === entry.builder.name)) continue;
      try {
        await project.clean();
        await letFilesAge();
        const done = await withBuilder(entry.builder, entry.place, (open) => builds(open, entry));
        taken[run]?.push({ entry, builds: done });
        for (const [name, measured] of Object.entries(done))
          say(`${run + 1}/${runs} ${entry.builder.name}, ${name}: ${describe(measured)}`);
      } catch (error) {
        if (entry.builder === plain || mine.includes(entry.builder)) throw error;
        absent.push({ builder: entry.builder.name, why: (error as Error).message });
        say(`${entry.builder.name}: ${(error as Error).message}`);
      }
    }
  }
  return { rows: rowsOf(entries, taken), absent, takes: takesOf(taken) };
}

function describe({ wallMs, clientCpuMs, helperCpuMs, sent, proof }: Measured): string {
  const [wall, client, helper] = [wallMs, clientCpuMs, helperCpuMs].map((ms) => (ms / 1000).toFixed(1));
  return `${wall} s (CPU ${client} s here, ${helper} s there), ${sent} B sent, ${proof}`;
}

function rowsOf(entries: readonly Entry[], taken: readonly (readonly Taken[])[]): LanRow[] {
  const names = Object.keys(taken[0]?.[0]?.builds ?? {});
  return names.flatMap((name) =>
    entries.flatMap(({ builder }) => {
      const expected = taken[0]?.[0]?.builds[name];
      const samples = taken.flatMap((run) => sampleOf(name, builder, run, expected?.objects) ?? []);
      const last = taken.flat().findLast(({ entry }) => entry.builder === builder)?.builds[name];
      if (samples.length === 0 || expected === undefined) return [];
      const note = [last?.proof, builder.note].filter((text) => text !== undefined && text !== '').join('; ');
      return [rowOf({ build: name, builder: builder.name, files: expected.compiles, note }, samples)];
    }),
  );
}

function takesOf(taken: readonly (readonly Taken[])[]): Take[] {
  const first = taken[0]?.[0]?.builds ?? {};
  return taken.flatMap((all, run) =>
    all.flatMap(({ entry: { builder }, builds }) =>
      Object.keys(builds).flatMap((build): Take[] => {
        const sample = sampleOf(build, builder, all, first[build]?.objects);
        return sample === undefined ? [] : [{ run, build, builder: builder.name, ...sample }];
      }),
    ),
  );
}

function sampleOf(name: string, builder: Builder, run: readonly Taken[], objects?: Tree): Sample | undefined {
  const found = run.find(({ entry }) => entry.builder === builder)?.builds[name];
  const beside = run.find(({ entry }) => entry.builder === plain)?.builds[name];
  if (found === undefined || beside === undefined || objects === undefined) return undefined;
  const { wallMs, sent, received, clientCpuMs, helperCpuMs } = found;
  const cpu = { clientCpuMs, helperCpuMs };
  return { wallMs, ...cpu, plainWallMs: beside.wallMs, sent, received, identical: sameObjects(objects, found.objects) };
}
