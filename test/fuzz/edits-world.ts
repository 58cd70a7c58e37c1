/** One small tree with a few command lines on it, edited and compiled again and again. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { pick, type Random } from './command-lines-generator.ts';
import { type Answer, callText, differencesOf, runCached, runPlain, type Shown } from './edits-compare.ts';
import { DIRECTORY_EDITS } from './edits-directories.ts';
import { type Edit, FILE_EDITS } from './edits-files.ts';
import { callOf, editLine, type Line, newLine } from './edits-line.ts';
import { restoreSnapshot, type Snapshot, takeSnapshot } from './edits-snapshot.ts';
import { SURROUNDING_EDITS } from './edits-surroundings.ts';
import { chance } from './edits-texts.ts';
import { makeTree, type Tools } from './edits-tree.ts';

export const EDITS: readonly Edit[] = [...FILE_EDITS, ...SURROUNDING_EDITS, ...DIRECTORY_EDITS];
const LINES = 3;
const KEPT_STATES = 6;

interface State {
  readonly tree: Snapshot;
  readonly lines: readonly Line[];
}

export interface World {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly tools: Tools;
  readonly random: Random;
  readonly edits: readonly Edit[];
  lines: readonly Line[];
  states: readonly State[];
  /** What was done to it, newest last, for the report of a difference. */
  readonly history: string[];
}

/** One compile compared. */
export interface Step {
  readonly after: string;
  readonly answer: Answer;
  /** Empty if the cache showed what the plain compiler shows. */
  readonly differences: readonly string[];
  /** The plain compiler differed from itself: such a step proves nothing. */
  readonly unstable: boolean;
  readonly status: number | null;
  readonly stderr: string;
  readonly call: string;
}

export function makeWorld(root: string, tools: Tools, random: Random, env: NodeJS.ProcessEnv, edits = EDITS): World {
  mkdirSync(root);
  makeTree(root, tools, random);
  symlinkSync(root, `${root}.here`);
  const lines = Array.from({ length: edits === EDITS ? LINES : 1 }, (_, index) => newLine(random, index));
  return { root, env, tools, random, edits, lines, states: [], history: [] };
}

function weighted(edits: readonly Edit[], random: Random): Edit {
  let left = random() * edits.reduce((sum, edit) => sum + edit.weight, 0);
  for (const edit of edits) {
    left -= edit.weight;
    if (left < 0) return edit;
  }
  return edits[0] as Edit;
}

/** Changes one thing: a file, a directory, a line; or goes back to an earlier state. Returns its name. */
export function editWorld(world: World): string {
  const { random, states } = world;
  // A trial with few kinds of edits wants nothing else, but for going back to begin anew.
  const roll = world.edits === EDITS ? random() : chance(random, 0.4) ? 0 : 1;
  if (roll < 0.22 && states.length > 0) return goBack(world, pick(random, states));
  if (roll < 0.36) return editOneLine(world);
  remember(world);
  for (let attempt = 0; attempt < 40; attempt++) {
    const edit = weighted(world.edits, random);
    if (edit.apply(world)) return noted(world, edit.name);
  }
  return noted(world, 'nothing');
}

function noted(world: World, name: string): string {
  world.history.push(name);
  return name;
}

function remember(world: World): void {
  const state = { tree: takeSnapshot(world.root), lines: world.lines };
  world.states = [...world.states.slice(1 - KEPT_STATES), state];
}

function goBack(world: World, state: State): string {
  restoreSnapshot(world.root, state.tree, chance(world.random, 0.5));
  world.lines = state.lines;
  return noted(world, 'back to an earlier state');
}

function editOneLine(world: World): string {
  remember(world);
  const index = Math.floor(world.random() * world.lines.length);
  const { name, line } = editLine(world.lines[index] as Line, world.random);
  world.lines = world.lines.map((old, at) => (at === index ? line : old));
  return noted(world, name);
}

/** Compiles one line both ways, in either order, and compares. */
export async function step(world: World, line: Line, after: string): Promise<Step> {
  const { root, env, random } = world;
  const plainFirst = chance(random, 0.6);
  const keep = chance(random, 0.1);
  const before = plainFirst ? await runPlain(line, root, env) : undefined;
  const { shown, answer } = await runCached(line, root, env, plainFirst && keep);
  const plain = before ?? (await runPlain(line, root, env, keep));
  const differences = differencesOf(plain, shown);
  const call = callText(callOf(line, root));
  world.history.push(`${answer}: ${call}`);
  const unstable = differences.length > 0 && (await differsFromItself(world, line, plain));
  return { after, answer, differences, unstable, status: plain.status, stderr: plain.stderr, call };
}

async function differsFromItself(world: World, line: Line, plain: Shown): Promise<boolean> {
  return differencesOf(plain, await runPlain(line, world.root, world.env)).length > 0;
}

/**
 * Something is changed while the compiler runs or right after it, before its result is stored; sometimes it is changed
 * back. What was stored then is tried at once.
 */
export async function race(world: World, line: Line): Promise<void> {
  const { root, env, random } = world;
  remember(world);
  const before = takeSnapshot(root);
  const running = runCached(line, root, env);
  await Promise.race([running, new Promise((resolve) => setTimeout(resolve, random() * 60))]);
  const edit = weighted(world.edits, random);
  const done = edit.apply(world);
  if (chance(random, 0.3)) {
    await new Promise((resolve) => setTimeout(resolve, random() * 15));
    restoreSnapshot(root, before, chance(random, 0.5));
  }
  await running;
  noted(world, `during a compile: ${done ? edit.name : 'nothing'}`);
}
