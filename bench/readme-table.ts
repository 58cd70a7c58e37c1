/** The part of the README that is written from the newest file of results. Pure. */
import { markdownOf } from './report.ts';
import type { Results } from './results.ts';

export const BEGIN = '<!-- bench: written by make bench, do not edit -->';
export const END = '<!-- end of bench -->';

function sourceLine({ date, minutes, machine, versions }: Results): string {
  const { cpu, cores, memoryGiB, kernel, system } = machine;
  const programs = Object.entries(versions).map(([name, version]) =>
    version.startsWith(name) ? version : `${name} ${version}`,
  );
  const on = `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Linux ${kernel}`;
  return `${date.slice(0, 10)}, ${Math.round(minutes)} minutes, on ${on}. With ${programs.join('; ')}.`;
}

const EXPLAINED = `A ratio is ours by theirs, the median of alternated pairs, so below 1 is better; *times as fast* is theirs by ours. In
brackets the quartiles of single pairs (where they are fewer than eight, the least and the most) and how many there were. In every row that
compiles, each of our outputs was compared with the plain compiler's.`;

/** What stands between the two marks. */
export function readmePart(results: Results | undefined): string {
  if (results === undefined) return 'No whole run of `make bench` is recorded yet.';
  return `${markdownOf(results.rows)}\n\n${EXPLAINED}\n\n${sourceLine(results)}`;
}

/** What stands between the marks of a text now; throws where they are not there. */
export function partOf(readme: string): string {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the README lacks the lines "${BEGIN}" and "${END}"`);
  return readme.slice(from + BEGIN.length, to).trim();
}

export function withPart(readme: string, part: string): string {
  partOf(readme);
  const head = readme.slice(0, readme.indexOf(BEGIN) + BEGIN.length);
  return `${head}\n${part}\n${readme.slice(readme.indexOf(END))}`;
}
