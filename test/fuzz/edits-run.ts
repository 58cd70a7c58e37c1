/** The loop of the edit fuzzer: many small trees in turn, so that the files of each grow old while others are worked on. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { controlAgent } from '../../src/agent/control-client.ts';
import { type Bed, LAUNCHER } from '../bed/environment.ts';
import { signalProcess } from '../bed/processes.ts';
import { pick, type Random, seededRandom } from './command-lines-generator.ts';
import { baseEnv } from './edits-compare.ts';
import type { Edit } from './edits-files.ts';
import type { Line } from './edits-line.ts';
import { chance } from './edits-texts.ts';
import { makeTools } from './edits-tree.ts';
import { type Weakness, weakenManifests } from './edits-weaken.ts';
import { EDITS, editWorld, makeWorld, race, type Step, step, type World } from './edits-world.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly steps: number;
  /** Small trees worked on in turn. */
  readonly worlds?: number;
  /** No new step begins after this time. */
  readonly limitMs?: number;
  /** Breaks every stored proof, for the fuzzer's own trial. */
  readonly weaken?: Weakness;
  /** Stop at the first difference. */
  readonly stopAtFirst?: boolean;
  readonly edits?: readonly Edit[];
  readonly onStep?: (step: Step, figures: FuzzFigures) => void;
}

export interface FuzzFigures {
  steps: number;
  /** By answer: 'hit', 'local', or a refusal's name. */
  readonly answers: Record<string, number>;
  /** Hits by what was done before. */
  readonly hitsAfter: Record<string, number>;
  readonly stepsAfter: Record<string, number>;
  failedCompiles: number;
  unstable: number;
  /** Wrong results by a hit. */
  stale: number;
  /** Wrong results otherwise. */
  different: number;
  readonly reports: string[];
}

function count(table: Record<string, number>, name: string): void {
  table[name] = (table[name] ?? 0) + 1;
}

export async function fuzzEdits(bed: Bed, options: FuzzOptions): Promise<FuzzFigures> {
  const random = seededRandom(options.seed);
  const env = baseEnv(bed.env);
  const tools = makeTools(join(bed.root, 'programs'));
  const worlds = Array.from({ length: options.worlds ?? 12 }, (_, index) =>
    makeWorld(join(bed.work, `w${index}`), tools, random, env, options.edits ?? EDITS),
  );
  const figures: FuzzFigures = {
    steps: 0,
    answers: {},
    hitsAfter: {},
    stepsAfter: {},
    failedCompiles: 0,
    unstable: 0,
    stale: 0,
    different: 0,
    reports: [],
  };
  const socket = execFileSync(LAUNCHER, ['--hg-socket-path'], { env, encoding: 'utf8' }).trim();
  const end = performance.now() + (options.limitMs ?? Number.POSITIVE_INFINITY);
  const enough = (): boolean =>
    figures.steps >= options.steps ||
    performance.now() > end ||
    (options.stopAtFirst === true && figures.reports.length > 0);
  for (let turn = 0; !enough(); turn++) {
    const world = worlds[turn % worlds.length] as World;
    const visit = { world, figures, options, random, settle: () => settle(bed, socket, options), enough };
    await visitWorld(visit);
    if (chance(random, 0.02)) for (const pid of bed.agents()) signalProcess(pid, pick(random, ['SIGTERM', 'SIGKILL']));
  }
  return figures;
}

/** Everything stored; then, in a trial, the proofs are broken. */
async function settle(bed: Bed, socket: string, { weaken }: FuzzOptions): Promise<void> {
  await controlAgent(socket, { op: 'flush' });
  if (weaken !== undefined) weakenManifests(bed.cacheDir, weaken);
}

interface Visit {
  readonly world: World;
  readonly figures: FuzzFigures;
  readonly options: FuzzOptions;
  readonly random: Random;
  readonly settle: () => Promise<void>;
  readonly enough: () => boolean;
}

/**
 * First the tree as it was left, with files old enough to be trusted by their stamps: twice, so that the second answer
 * is one prepared before. Then edits, each followed at once by a compile, which that prepared answer must survive.
 */
async function visitWorld(visit: Visit): Promise<void> {
  const { world, random, options } = visit;
  for (const line of world.lines) {
    if (visit.enough()) return;
    let answer = await compared(visit, line, 'ageing');
    if (answer === 'local' && (options.weaken !== undefined || chance(random, 0.8))) {
      await visit.settle();
      answer = await compared(visit, line, 'the same again');
    }
    if (answer === 'hit' && chance(random, 0.3)) await compared(visit, line, 'the same again');
  }
  for (let edits = 1 + Math.floor(random() * 3); edits > 0 && !visit.enough(); edits--) {
    if (options.weaken === undefined && chance(random, 0.15)) {
      const line = pick(random, world.lines);
      await race(world, line);
      if (chance(random, 0.7)) await visit.settle();
      await compared(visit, line, 'a change during a compile');
    }
    const name = editWorld(world);
    for (const line of world.lines) {
      if (world.lines.length > 1 && chance(random, 0.6)) continue;
      const answer = await compared(visit, line, name);
      if (answer === 'local' && options.weaken !== undefined) await visit.settle();
    }
    if (chance(random, 0.3)) await visit.settle();
  }
}

async function compared(visit: Visit, line: Line, after: string): Promise<string> {
  const { world, figures, options } = visit;
  const made = await step(world, line, after);
  figures.steps++;
  count(figures.answers, made.answer);
  count(figures.stepsAfter, after);
  if (made.answer === 'hit') count(figures.hitsAfter, after);
  if (made.status !== 0) figures.failedCompiles++;
  if (made.unstable) figures.unstable++;
  else if (made.differences.length > 0) {
    if (made.answer === 'hit') figures.stale++;
    else figures.different++;
    figures.reports.push(report(made, world, figures.steps));
  }
  options.onStep?.(made, figures);
  return made.answer;
}

function report(made: Step, world: World, number: number): string {
  return [
    `step ${number} (${made.answer} after ${made.after}) in ${world.root}`,
    `  ${made.call}`,
    ...made.differences.map((text) => `  ${text}`),
    '  before that:',
    ...world.history.slice(-14).map((text) => `    ${text}`),
  ].join('\n');
}
