import type { FileScan, Lookup } from './directives.ts';
import type { Lookups } from './lookups.ts';
import { tidyPath } from './paths.ts';
import { type Conclusion, type Directory, isOpened, type Probe, type Resolution } from './probes.ts';

/** A file to read: where it was found decides what its own includes find. One object in all walks over a search list. */
export interface Visit {
  readonly path: string;
  /** The directory its "name" includes begin in. */
  readonly directory: Directory;
  /** Where its include_next begins in the search list; -1: it acts as a plain include. */
  readonly next: number;
  /** Its includes can be the first of the compile: gcc still asks for precompiled headers. */
  readonly early: boolean;
  /** All visits of the same path. */
  readonly siblings: readonly Visit[];
  /** The walk in which it was last made. */
  walk: number;
  /** Where its directives led the last time. */
  leads: Leads | undefined;
}

/** Where the directives of a file lead, in order; as long as it stands and the file says the same. */
export interface Leads extends Conclusion {
  readonly scan: FileScan;
  /** Position in the search list at which <name> began. */
  readonly bracketStart: number;
  readonly each: readonly Lead[];
}

/** Where one directive leads. */
export type Lead =
  /** That is decided by macros. */
  | { readonly to: 'computed'; readonly lookup: Lookup }
  /** One place decides: the includer's directory (`inside`), where the file is, or an absolute path (the root). */
  | {
      readonly to: 'place';
      readonly lookup: Lookup;
      readonly inside: Directory;
      readonly name: string;
      readonly only: Probe;
      target: Visit | undefined;
    }
  /** The search list decides; `own`: what was asked in vain in the includer's directory. */
  | {
      readonly to: 'list';
      readonly lookup: Lookup;
      readonly name: string;
      readonly own: Probe | undefined;
      readonly found: Resolution;
      target: Visit | undefined;
    };

/** The visit of this kind among those of one path, which is made if need be. */
export function visitOf(visits: Visit[], path: string, directory: Directory, next: number, early: boolean): Visit {
  for (const known of visits)
    if (known.directory === directory && known.next === next && known.early === early) return known;
  const fresh: Visit = { path, directory, next, early, siblings: visits, walk: 0, leads: undefined };
  visits.push(fresh);
  return fresh;
}

/** Where the directives of a file lead that is visited so. */
export function leadsOf(lookups: Lookups, visit: Visit, scan: FileScan, bracketStart: number): Leads {
  const known = visit.leads;
  if (known !== undefined && known.scan === scan && known.bracketStart === bracketStart && lookups.stands(known))
    return known;
  const each: Lead[] = [];
  for (const lookup of scan.lookups) {
    const lead = leadOf(lookups, visit, lookup, bracketStart);
    if (lead !== undefined) each.push(lead);
  }
  const fresh = { scan, bracketStart, each, ...lookups.conclude(probesOf(each)) };
  visit.leads = fresh;
  return fresh;
}

/**
 * The rules of both compilers: "name" begins in the directory of the includer as spelled, then goes through the quote and
 * bracket directories; <name> begins with the bracket directories; include_next begins after the place where the includer
 * was found, and acts as a plain include where there is no such place (the source, files found by an absolute path).
 */
export function leadOf(lookups: Lookups, visit: Visit, lookup: Lookup, bracketStart: number): Lead | undefined {
  const { op, form } = lookup;
  if (form === 'macro' || form === 'tokens') return { to: 'computed', lookup };
  const name = lookup.name.startsWith('./') ? tidyPath(`/${lookup.name}`).slice(1) : lookup.name;
  if (name === '') return undefined;
  if (name.startsWith('/')) {
    const inside = lookups.directory('');
    const below = tidyPath(name).slice(1);
    return { to: 'place', lookup, inside, name: below, only: lookups.probe(inside, below), target: undefined };
  }
  const isNext = op.endsWith('_next') && visit.next >= 0;
  const own = form === 'quote' && !isNext ? lookups.probe(visit.directory, name) : undefined;
  if (own !== undefined && isOpened(own.kind))
    return { to: 'place', lookup, inside: visit.directory, name, only: own, target: undefined };
  const found = lookups.resolve(isNext ? visit.next : form === 'quote' ? 0 : bracketStart, name);
  return { to: 'list', lookup, name, own, found, target: undefined };
}

function* probesOf(leads: readonly Lead[]): Generator<Probe> {
  for (const lead of leads) {
    if (lead.to === 'place') yield lead.only;
    if (lead.to !== 'list') continue;
    if (lead.own !== undefined) yield lead.own;
    yield* lead.found.vain;
    if (lead.found.hit !== undefined) yield lead.found.hit.probe;
  }
}
