import { forDisplay } from '../../base/byte-string.ts';
import { formatBytes } from '../../base/bytes.ts';
import { cacheUsage, clearCache, pruneCache, type Removed } from '../../cache/upkeep.ts';
import { type VerifyProgress, type VerifyReport, verifyCache } from '../../cache/verify.ts';
import { type CacheLayout, cacheLayout } from '../../cas/layout.ts';
import type { Unwritable } from '../../cas/unwritable.ts';
import { sizeType } from '../../config/value-types.ts';
import { askAgent } from '../agent-calls.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { existingLauncher } from '../installation.ts';
import { formatTable, isTerminal, printError, printJson, printOut, writeError } from '../output.ts';
import { type Context, environmentWithFlags, settingsOf } from '../settings-context.ts';

/** `hgbuild cache stats`: how much the cache directory holds. */
export async function cacheStats(context: Context, json: boolean): Promise<number> {
  const { layout, maxBytes } = await openLayout(context);
  const { directory, ...usage } = await cacheUsage(layout);
  if (json) {
    printJson({ cacheDir: forDisplay(directory), maxBytes: Number.isFinite(maxBytes) ? maxBytes : null, ...usage });
    return EXIT.ok;
  }
  const row = (name: string, { files, bytes }: { files: number; bytes: number }) => [
    name,
    String(files),
    formatBytes(bytes),
  ];
  const rows = [
    ['', 'files', 'on disk'],
    row('results', usage.blobs),
    row('results, compressed', usage.coldBlobs),
    row('manifests', usage.manifests),
    row('commands of sources', usage.sources),
    row('being written', usage.tmp),
    row('all', usage),
  ];
  printOut(`cache ${forDisplay(directory)}, may take ${formatBytes(maxBytes)}`);
  printOut(formatTable(rows, [1, 2]));
  if (usage.oldestUse !== null) printOut(`least recently used: ${usage.oldestUse}`);
  return EXIT.ok;
}

/** `hgbuild cache clear` */
export async function cacheClear(context: Context, json: boolean): Promise<number> {
  const { layout } = await openLayout(context);
  return report(layout, await clearCache(layout), json);
}

/** `hgbuild cache prune [--max-size SIZE]` */
export async function cachePrune(context: Context, maxSize: string | undefined, json: boolean): Promise<number> {
  const wanted = maxSize === undefined ? undefined : parseSize(maxSize);
  const { layout, maxBytes } = await openLayout(context);
  return report(layout, await pruneCache(layout, wanted ?? maxBytes), json);
}

/** `hgbuild cache verify`: exit 1 where something was damaged. It is removed by then, so a second run finds nothing. */
export async function cacheVerify(context: Context, json: boolean): Promise<number> {
  const { layout } = await openLayout(context);
  const result = await verifyCache(layout, !json && isTerminal(2) ? showProgress() : undefined);
  const damaged = result.badBlobs + result.badManifests + result.incompleteEntries;
  if (json) printJson({ cacheDir: forDisplay(layout.root), ...result });
  else printOut(describe(result, damaged));
  return damaged + result.unreadable === 0 ? EXIT.ok : EXIT.negative;
}

function describe(result: VerifyReport, damaged: number): string {
  const read = `${result.blobs} results and ${result.manifests} manifests read, ${formatBytes(result.bytes)}`;
  if (damaged + result.unreadable === 0) return `${read}: all as they should be`;
  return [
    `${read}:`,
    `  ${result.badBlobs} damaged results, ${result.badManifests} damaged manifests, ${result.incompleteEntries} incomplete ones: removed, they cost one compile each`,
    `  ${result.unreadable} that could not be read`,
  ].join('\n');
}

/** One line that is written over, at most ten times a second. */
function showProgress(): (progress: VerifyProgress) => void {
  let last = 0;
  return ({ filesDone, files, bytesDone, bytes }) => {
    const now = performance.now();
    if (now - last < 100 && filesDone < files) return;
    last = now;
    writeError(`\r\x1b[K${filesDone}/${files} files, ${formatBytes(bytesDone)} of ${formatBytes(bytes)}`);
    if (filesDone === files) writeError('\r\x1b[K');
  };
}

function report(layout: CacheLayout, result: Removed | Unwritable, json: boolean): number {
  const directory = forDisplay(layout.root);
  if (result.kind === 'unwritable') {
    throw new CliError(
      `${directory} cannot be changed: ${result.code}; check its permissions and the disk`,
      EXIT.negative,
    );
  }
  const { files, bytes, bytesAfter } = result;
  if (json) printJson({ cacheDir: directory, files, bytes, bytesAfter });
  else printOut(`removed ${files} files, ${formatBytes(bytes)}; ${formatBytes(bytesAfter)} are left in ${directory}`);
  return EXIT.ok;
}

/** Zero is a size here: it empties the cache. */
function parseSize(text: string): number {
  if (/^0+$/.test(text)) return 0;
  const parsed = sizeType.parse(text, { directory: undefined, home: undefined });
  if (!parsed.ok) throw new CliError(`--max-size: "${text}" is no size: give its unit, such as 10GiB or 500MB`);
  return parsed.value;
}

/** The cache of these settings, with what an agent has in hand stored. */
async function openLayout(context: Context): Promise<{ layout: CacheLayout; maxBytes: number }> {
  const { settings } = await settingsOf(context);
  const launcher = existingLauncher(context.env);
  if (launcher !== undefined) {
    const reply = await askAgent(launcher, environmentWithFlags(context, settings), { op: 'flush' });
    if (reply?.ok === false && /no answer/.test(reply.error))
      printError('hgbuild: the agent does not answer; its newest results may be missing');
  }
  return { layout: cacheLayout(settings['cache.dir']), maxBytes: settings['cache.max_size'] };
}
