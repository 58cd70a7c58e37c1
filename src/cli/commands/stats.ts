import { forDisplay } from '../../base/byte-string.ts';
import { formatBytes } from '../../base/bytes.ts';
import { formatDuration } from '../../base/duration.ts';
import { NO_COMPILES, REFUSALS, type RefusalReason } from '../../base/refusal.ts';
import type { Counters } from '../../cache/counters.ts';
import { readStatistics, type StatisticsReport, zeroStatistics } from '../../cache/statistics.ts';
import { cacheLayout } from '../../cas/layout.ts';
import { askAgent } from '../agent-calls.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { existingLauncher } from '../installation.ts';
import { formatTable, type Paint, painter, printJson, printOut, useColour } from '../output.ts';
import { type Context, environmentWithFlags, settingsOf } from '../settings-context.ts';

/** `hgbuild stats [--json] [--zero]`: what was counted in this cache directory, by all agents that use it. */
export async function stats(
  context: Context,
  options: { readonly json: boolean; readonly zero: boolean },
): Promise<number> {
  const { settings } = await settingsOf(context);
  const launcher = existingLauncher(context.env);
  if (launcher !== undefined) {
    // Counters reach the disk every few seconds: an agent that runs writes them now.
    await askAgent(launcher, environmentWithFlags(context, settings), { op: 'flush' });
  }
  const layout = cacheLayout(settings['cache.dir']);
  const report = readStatistics(layout);
  if (options.zero) {
    const problem = zeroStatistics(layout);
    if (problem !== undefined) {
      throw new CliError(
        `the counters in ${forDisplay(layout.root)} cannot be set to zero: ${problem.code}`,
        EXIT.negative,
      );
    }
  }
  if (options.json) printJson(jsonReport(forDisplay(layout.root), report));
  else printOut(table(forDisplay(layout.root), report, painter(useColour(context.env))));
  return EXIT.ok;
}

/** The names that a session's counters have, too (docs/json.md). They are only added to. */
function jsonReport(directory: string, { counters, since }: StatisticsReport): unknown {
  const { hits, misses, refused, notCompiles: _counted, storeFailures, ...others } = counters;
  const compiles = compilesOf(counters);
  return {
    cacheDir: directory,
    since,
    compiles,
    hits,
    local: misses,
    refused: refusedCompiles(counters),
    refusals: refused,
    notCompiles: otherCalls(counters),
    ...others,
    storeFailures,
  };
}

/** Calls that compile something: what was answered, what had to run, what was refused. */
function compilesOf(counters: Counters): number {
  return counters.hits + counters.misses + refusedCompiles(counters);
}

/** A link is refused by name, too, but it is no compile. */
function refusedCompiles({ refused }: Counters): number {
  return total(refused) - linksAndTheLike(refused);
}

function otherCalls({ notCompiles, refused }: Counters): number {
  return notCompiles + linksAndTheLike(refused);
}

function linksAndTheLike(refused: Counters['refused']): number {
  return total(Object.fromEntries(Object.entries(refused).filter(([reason]) => NO_COMPILES.has(reason))));
}

function total(reasons: Readonly<Record<string, number>>): number {
  return Object.values(reasons).reduce((sum, count) => sum + count, 0);
}

function table(directory: string, { counters, since }: StatisticsReport, paint: Paint): string {
  const compiles = compilesOf(counters);
  const share = (count: number): string => (compiles === 0 ? '' : `${((100 * count) / compiles).toFixed(1)} %`);
  const refused = refusedCompiles(counters);
  const rows = [
    ['compiles', String(compiles), ''],
    ['  hits', String(counters.hits), share(counters.hits)],
    ...(counters.storageHits > 0 ? [['    remote storage', String(counters.storageHits), '']] : []),
    ['  local', String(counters.misses), share(counters.misses)],
    ['  refused', String(refused), share(refused)],
    ...gridRows(counters),
    ['other calls', String(otherCalls(counters)), ''],
    ['results stored', String(counters.stored), ''],
    ['hits not delivered', String(counters.fallbacks), ''],
    ['damaged blobs dropped', String(counters.badBlobs), ''],
    ['compiled again', `${counters.verified}`, ''],
    ['found wrong', `${counters.verifyMismatches}`, ''],
    ['time saved', formatDuration(counters.savedMs), ''],
    ['time in local ones', formatDuration(counters.compileMs), ''],
    ['written', formatBytes(counters.bytesWritten), ''],
    ['removed for space', formatBytes(counters.evictedBytes), ''],
  ];
  const parts = [paint('dim', `cache ${directory}, since ${since ?? 'its beginning'}`), formatTable(rows, [1, 2])];
  if (refused > 0) parts.push('', paint('bold', 'refused, by reason'), reasonTable(counters.refused));
  if (total(counters.storeFailures) > 0) {
    parts.push('', paint('bold', 'compiled but not stored, by reason'), reasonTable(counters.storeFailures));
  }
  return parts.join('\n');
}

/** Nothing of a grid where none was used. */
function gridRows({ sharedHits, remoteCompiles, directCompiles, broughtHome }: Counters): string[][] {
  if (sharedHits + remoteCompiles + broughtHome === 0) return [];
  return [
    ["from the grid's cache", String(sharedHits), ''],
    ['compiled on workers', String(remoteCompiles), ''],
    ['  without the coordinator between', String(directCompiles), ''],
    ['brought home', String(broughtHome), ''],
  ];
}

function reasonTable(reasons: Readonly<Record<string, number>>): string {
  const meaning = (reason: string): string => REFUSALS[reason as RefusalReason] ?? '';
  const rows = Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => [`  ${reason}`, String(count), meaning(reason)]);
  return formatTable(rows, [1]);
}
