/** Warm builds in turns: ours, ccache's, now and then sccache's, and the floor under all of them. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Contest } from './contest.ts';
import { type Beside, type Measured, median, medians, type Pair } from './figures.ts';
import type { Cost } from './runner.ts';

export type Cacher = 'ours' | 'ccache' | 'sccache' | 'stub';

export interface WarmBuild {
  readonly name: string;
  readonly rounds: number;
  readonly withStub: boolean;
  /** One build of all objects, from nothing; what it left is compared where that is due. */
  readonly build: (who: Cacher) => Promise<Cost>;
}

/** In so many of the rounds sccache builds as well: it preprocesses every file each time. */
const SCCACHE_ROUNDS = 4;

/** Who can be measured warm; each has to build once before. */
export const cachersOf = ({ sccache }: Contest): readonly Cacher[] =>
  'lacks' in sccache ? ['ours', 'ccache'] : ['ours', 'ccache', 'sccache'];

export interface WarmTimes {
  readonly pairs: readonly Pair[];
  /** What the stub compiler took, round by round. */
  readonly floors: readonly number[];
  readonly sccache: readonly number[];
}

/** A compiler that copies what was made before: the floor under every cache. Its path; what it does, stub.c says. */
export function stubCompiler({ bed }: Contest): string {
  const path = join(bed.root, 'stub');
  execFileSync('cc', ['-O2', '-static', '-o', path, join(import.meta.dirname, 'stub.c')]);
  return path;
}

export async function warmRounds(contest: Contest, given: WarmBuild): Promise<WarmTimes> {
  const { name, rounds, withStub, build } = given;
  const sccacheRounds = 'lacks' in contest.sccache ? 0 : contest.quick ? 1 : SCCACHE_ROUNDS;
  contest.say(`${name}: ${rounds} rounds`);
  const wall = async (who: Cacher): Promise<number> => (await build(who)).wallMs;
  const [pairs, floors, sccache]: [Pair[], number[], number[]] = [[], [], []];
  // The first run of the stub reads what it copies from the disk.
  if (withStub) await build('stub');
  for (let i = 0; i < rounds; i += 1) {
    if (withStub) floors.push(await wall('stub'));
    if (i % 2 === 0) {
      const ours = await wall('ours');
      pairs.push({ ours, peer: await wall('ccache') });
    } else {
      const peer = await wall('ccache');
      pairs.push({ ours: await wall('ours'), peer });
    }
    if (i < sccacheRounds) sccache.push(await wall('sccache'));
  }
  return { pairs, floors, sccache };
}

interface Besides {
  readonly identical: readonly [number, number];
  readonly note: string;
}

const besideOf = (who: string, times: readonly number[]): Beside[] =>
  times.length === 0 ? [] : [{ who, value: median(times) }];

export function wallOf({ pairs, floors, sccache }: WarmTimes, more: Besides): Measured {
  return medians(pairs, { ...more, beside: [...besideOf('sccache', sccache), ...besideOf('stub', floors)] });
}

/** What each takes beyond make, its shell and the copies. */
export function aboveStub({ pairs, floors, sccache }: WarmTimes, more: Besides): Measured {
  const floor = median(floors);
  const above = pairs.map(({ ours, peer }) => ({ ours: ours - floor, peer: peer - floor }));
  const beside = besideOf(
    'sccache',
    sccache.map((ms) => ms - floor),
  );
  return medians(above, { ...more, beside: [...beside, ...besideOf('stub', floors)] });
}
