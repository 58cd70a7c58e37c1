/**
 * Runs one section of `make bench` in a process of its own, so that nothing a section does can end the others: `node
 * bench/section.ts NAME FILE [--quick]`. Each finding is a line of JSON in FILE. Exit status 1: it failed; the reason is
 * the last thing it prints on stderr.
 */
import { appendFileSync } from 'node:fs';
import { SECTIONS } from './bars.ts';
import { SECTION_WORK } from './sections.ts';
import type { Stage } from './stage.ts';

const [given, file = '', ...options] = process.argv.slice(2);
const name = SECTIONS.find((each) => each === given);
if (name === undefined) throw new Error(`no section named ${given}`);

const undos: (() => Promise<void>)[] = [];

async function undoAll(): Promise<void> {
  for (const undo of undos.splice(0).reverse()) await undo().catch((error) => console.error(String(error)));
}

const stage: Stage = {
  quick: options.includes('--quick'),
  say: (text) => console.log(`  ${text}`),
  found: (id, outcome) => appendFileSync(file, `${JSON.stringify({ id, outcome })}\n`),
  atEnd: (undo) => void undos.push(undo),
};

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undoAll().finally(() => process.kill(process.pid, signal)));
try {
  await SECTION_WORK[name](stage);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await undoAll();
}
