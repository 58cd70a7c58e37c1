import type { Digest } from '../base/digest.ts';
import { NO_COMPILES, type RefusalReason } from '../base/refusal.ts';
import type { OpenCache } from './caches.ts';
import { type Described, type Description, describeCompile } from './describe.ts';
import type { EngineServices, Offer, Preprocessing } from './engine.ts';
import { localLimit } from './grid/local-slots.ts';
import { findHit, verboseNote } from './hits.ts';
import { lazily } from './lazily.ts';
import { planCompile } from './plan.ts';
import { adoptKnownText, discardRun, planPreprocessing, takeText } from './preprocessed-text.ts';
import { keysOf } from './relocation.ts';
import type { CompileEnded, CompileRequest } from './wire.ts';

/** What becomes of a launcher's question. */
export async function offer(request: CompileRequest, services: EngineServices, gone: AbortSignal): Promise<Offer> {
  const described = await describeCompile(request, services);
  const directory = described.settings?.['cache.dir'];
  const cache = directory === undefined ? services.defaultCache : await services.caches.at(directory);
  const hasGrid = (described.settings?.['grid.coordinator'] ?? '') !== '';
  // Nothing of a grid is worked out where there is none.
  services.keepSlots(hasGrid ? Math.max(1, localLimit(described.settings?.['grid.local_slots'] ?? 'auto')) : 0);
  const run = (reason: RefusalReason): Offer => ({
    kind: 'run',
    reason,
    note: refusalNote(request, described, reason),
    cache,
    slot: hasGrid && !NO_COMPILES.has(reason),
  });
  if (described.kind === 'not-a-compile') return { kind: 'run', reason: undefined, note: '', cache, slot: false };
  if (described.kind === 'refused') return run(described.reason);
  const { settings } = described;
  await services.stores.upToDate(keysOf(described));
  const hit = settings['cache.recache'] ? undefined : await findHit(described, cache, services);
  if (hit !== undefined) return { kind: 'hit', answer: hit };
  if (settings['cache.read_only']) return run('read-only');
  const preprocess = settings['cache.recache'] ? undefined : planPreprocessing(described, cache);
  if (preprocess !== undefined) return { kind: 'preprocess', description: described, run: preprocess, cache };
  return (await compileOffer(described, cache, services, gone)) ?? run('cache-unwritable');
}

/** With it comes gRPC, 60 ms that an agent without a grid does not pay. */
const gridOffer = lazily(() => import('./grid/grid-offer.ts'));

async function compileOffer(
  description: Description,
  cache: OpenCache,
  services: EngineServices,
  gone: AbortSignal,
  pp?: Digest,
): Promise<Offer | undefined> {
  const { settings, request } = description;
  const grid = await services.grids.of({ settings, env: request.env });
  if (grid === undefined) return localOffer(description, cache, pp);
  const plan = planCompile(description, cache.blobs);
  if ('kind' in plan) return undefined;
  const { placeMiss } = await gridOffer();
  const placed = await placeMiss({ description, plan, cache, signal: gone }, grid, services);
  if (placed.kind === 'hit') return { kind: 'hit', answer: placed.answer };
  if (placed.kind === 'denied') {
    const message = `hgbuild: ${description.invocation.source}: the grid did not compile it (${placed.why}), and --no-fallback forbids to do it here\n`;
    return { kind: 'fail', reason: 'no-fallback', message, cache };
  }
  const made = localOffer(description, cache, pp);
  if (placed.kind === 'nowhere' || made?.kind !== 'compile') return made;
  return { ...made, placed };
}

function localOffer(description: Description, cache: OpenCache, pp?: Digest): Offer | undefined {
  const plan = planCompile(description, cache.blobs);
  if ('kind' in plan) return undefined;
  const known = pp === undefined ? plan : { ...plan, pp };
  return { kind: 'compile', description, plan: known, note: verboseNote(description, '[local]'), cache };
}

/** The text is one that gave a stored result: file the new conditions with it, and it is an ordinary hit. */
export async function afterPreprocessing(
  { description, run, cache }: Preprocessing,
  ended: CompileEnded,
  services: EngineServices,
  gone: AbortSignal,
): Promise<Offer> {
  const pp = ended.status === 0 ? takeText(run) : undefined;
  const proved = pp !== undefined && (await adoptKnownText(description, pp, ended, cache, services));
  discardRun(run);
  const hit = proved ? await findHit(description, cache, services) : undefined;
  if (hit !== undefined) {
    cache.statistics.count('preprocessedHits');
    return { kind: 'hit', answer: hit };
  }
  const offered = await compileOffer(description, cache, services, gone, pp);
  return offered ?? { kind: 'run', reason: 'cache-unwritable', note: '', cache, slot: false };
}

function refusalNote(request: CompileRequest, described: Described, reason: RefusalReason): string {
  if (described.settings?.['compile.verbose'] !== true) return '';
  const source = described.kind === 'compile' ? described.invocation.source : likelySource(request.args);
  return `[local: ${reason}] ${source}\n`;
}

/** For a line that was not understood: the last word that looks like a file. */
function likelySource(args: readonly string[]): string {
  return args.findLast((arg) => /^[^-].*\.\w+$/.test(arg) && !arg.endsWith('.o')) ?? '';
}
