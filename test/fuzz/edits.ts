/**
 * The edit fuzzer: random edits of small source trees, each compiled through the cache and plainly in the same place.
 * Nothing may differ: exit status, stdout, stderr, objects, depfiles. Run it long with
 *
 *     node test/fuzz/edits.ts --steps 5000 --seed 7
 *
 * --seed N    where chance begins (default: the clock); the seed is printed, but races with the clock remain chance
 * --steps N   compiles to compare (default 2000)
 * --worlds N  small trees worked on in turn (default 16)
 * --first     stop at the first difference and leave the trees where they are
 */
import { parseArgs } from 'node:util';
import { makeBed } from '../bed/environment.ts';
import { type FuzzFigures, fuzzEdits } from './edits-run.ts';

export function figuresText(figures: FuzzFigures): string {
  const { steps, answers, stale, different, unstable, failedCompiles } = figures;
  const share = Math.round(((answers.hit ?? 0) / Math.max(1, steps)) * 100);
  const rest = Object.entries(answers).sort(([, a], [, b]) => b - a);
  return [
    `${steps} steps, ${share} % hits, ${stale} stale, ${different} different (${failedCompiles} failing compiles, ${unstable} not comparable)`,
    `  answers: ${rest.map(([name, number]) => `${name} ${number}`).join(', ')}`,
  ].join('\n');
}

/** Steps and hits by what was done before them. */
function editsText({ stepsAfter, hitsAfter }: FuzzFigures): string {
  return Object.entries(stepsAfter)
    .sort(([, a], [, b]) => b - a)
    .map(([name, steps]) => `  ${name}: ${steps} steps, ${hitsAfter[name] ?? 0} hits`)
    .join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      steps: { type: 'string', default: '2000' },
      worlds: { type: 'string', default: '16' },
      first: { type: 'boolean', default: false },
    },
  });
  console.log(`edit fuzzer: seed ${values.seed}`);
  const bed = makeBed();
  const figures = await fuzzEdits(bed, {
    seed: Number(values.seed),
    steps: Number(values.steps),
    worlds: Number(values.worlds),
    stopAtFirst: values.first,
    onStep: (_, now) => {
      if (now.steps % 250 === 0) console.log(figuresText(now).split('\n')[0]);
    },
  });
  console.log(figures.reports.join('\n\n'));
  console.log(figuresText(figures));
  console.log(editsText(figures));
  const { storeFailures } = (await bed.stats()) as unknown as { storeFailures: object };
  console.log(`  not stored: ${JSON.stringify(storeFailures)}`);
  if (values.first && figures.reports.length > 0) console.log(`left in ${bed.root}; agents ${bed.agents().join(' ')}`);
  else await bed.remove();
  process.exitCode = figures.reports.length === 0 ? 0 : 1;
}

if (import.meta.main) await main();
