/** A second clock, which is not ours: hyperfine on the same two commands. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../test/bed/run.ts';
import { isInstalled } from './lan/installed.ts';

const RUNS = 200;

/** Words that hyperfine takes apart as a shell would. */
const quoted = (argv: readonly string[]): string => argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');

/** The ratio of the medians that hyperfine sees, in words; undefined where there is no hyperfine or it fails. */
export async function byHyperfine(
  mine: readonly string[],
  other: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (!isInstalled('hyperfine')) return undefined;
  const directory = mkdtempSync(join(tmpdir(), 'hyperfine-'));
  const path = join(directory, 'times.json');
  const options = ['-N', '--warmup=10', `--runs=${RUNS}`, '--style=none', `--export-json=${path}`];
  try {
    const { status } = await run(['hyperfine', ...options, quoted(mine), quoted(other)], {
      cwd,
      env,
      timeoutMs: 60_000,
    });
    if (status !== 0) return undefined;
    const { results } = JSON.parse(readFileSync(path, 'utf8')) as { results: { median: number }[] };
    const [ours, peer] = results.map(({ median }) => median);
    return ours === undefined || peer === undefined ? undefined : `hyperfine: ${(ours / peer).toFixed(3)}x`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
