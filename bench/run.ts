/**
 * `make bench`: every row of the table, beside every peer, in one run: what is missing is installed, each section runs in a
 * process of its own, and what comes of it is in bench/results/DATE.json, in latest.json and in the README. `node
 * bench/run.ts [--quick] [SECTION...]`: fewer rounds and files, only some sections; then the results go to partial.json
 * and the README stays. Exit status 0: every bar met that could be measured, every output identical; 1: not so; 2: a
 * wrong argument.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BarId, barOf, SECTIONS, type SectionName } from './bars.ts';
import { thisMachine, versionsHere } from './machine.ts';
import { installPeers } from './peers.ts';
import { readmePart, withPart } from './readme-table.ts';
import { notesOf, tableOf } from './report.ts';
import { type Results, writeResults } from './results.ts';
import { isGood, type Outcome, type Row, rowsOf } from './rows.ts';
import { runSection, stopSection } from './run-section.ts';
import { LIMIT_MINUTES } from './stage.ts';

const README = join(import.meta.dirname, '../README.md');

interface Asked {
  readonly quick: boolean;
  readonly sections: readonly SectionName[];
}

function readArguments(args: readonly string[]): Asked {
  const names = args.filter((arg) => arg !== '--quick');
  const unknown = names.find((name) => !SECTIONS.some((each) => each === name));
  if (unknown !== undefined) {
    console.error(`bench: no section named ${unknown}; known: ${SECTIONS.join(', ')}`);
    process.exit(2);
  }
  return {
    quick: args.includes('--quick'),
    sections: names.length === 0 ? SECTIONS : SECTIONS.filter((name) => names.includes(name)),
  };
}

const say = (text: string): void => console.log(text);
let isStopped = false;

async function measure({ quick, sections }: Asked): Promise<readonly Row[]> {
  const found = new Map<BarId, Outcome>();
  const troubles = new Map<SectionName, string>();
  for (const name of sections) {
    if (isStopped) break;
    say(`\n${name} (${new Date().toISOString().slice(11, 19)} UTC)`);
    const argv = [process.execPath, join(import.meta.dirname, 'section.ts'), name];
    const options = quick ? ['--quick'] : [];
    const began = Date.now();
    const end = await runSection({ name, argv, options, limitMs: LIMIT_MINUTES[name] * 60_000, say });
    for (const [id, outcome] of end.found) found.set(id, outcome);
    say(`${name}: ${((Date.now() - began) / 60_000).toFixed(1)} minutes`);
    if (end.trouble === undefined) continue;
    troubles.set(name, end.trouble);
    say(`${name} FAILED: ${end.trouble}`);
  }
  return rowsOf(sections, found, (id) => ({
    kind: 'failed',
    why: troubles.get(barOf(id).section) ?? 'its section found nothing',
  }));
}

const asked = readArguments(process.argv.slice(2));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    isStopped = true;
    process.exitCode = 1;
    stopSection();
  });
const began = new Date();
installPeers(say);
const versions = versionsHere();
const rows = await measure(asked);
const results: Results = {
  date: `${began.toISOString().slice(0, 19)}Z`,
  minutes: Math.round((Date.now() - began.getTime()) / 6000) / 10,
  machine: thisMachine(),
  versions,
  rows,
};
const isWhole = !isStopped && !asked.quick && asked.sections.length === SECTIONS.length;
const paths = writeResults(results, isWhole);
if (isWhole) writeFileSync(README, withPart(readFileSync(README, 'utf8'), readmePart(results)));
const caution = asked.quick
  ? '\n\nA quick look: what is paid once per build weighs too much here to be judged by.'
  : '';
say(`\n${tableOf(rows)}${caution}\n\n${notesOf(rows)}\n\n${results.minutes} minutes; written to ${paths.join(', ')}`);
if (isStopped || !isGood(rows)) process.exitCode = 1;
