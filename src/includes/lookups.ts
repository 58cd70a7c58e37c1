import { directoryOf, isTidyName, tidyPath } from './paths.ts';
import type { FileKind, FileView } from './port.ts';

/** One path asked about. A path below an absent directory shares the probe of that directory: its absence says it all. */
export interface Probe {
  readonly path: string;
  readonly kind: FileKind;
  /** Where the view says by itself that it is absent: the directory it would be an entry of, and its name there. */
  readonly lacking?: { readonly directory: Directory; readonly name: string };
  /** The directory whose entries decide whether it is there. */
  readonly home: Directory;
  /** They alone decide: it is a file, or no entry at all, and no link to anywhere. */
  readonly settled: boolean;
  /** The entries of `home` when it was asked; undefined if they cannot be told apart from later ones. */
  version: object | undefined;
  /** The moment for which it was last found to hold; infinite for one that has been found not to hold any more. */
  askedAt: number;
  /** The walk among whose results it is already. */
  listedIn: number;
}

/** A directory as spelled, with everything asked in it so far. */
export interface Directory {
  readonly path: string;
  readonly probes: Map<string, Probe>;
  /** Its entries at the moment `seenAt`: see {@link FileView.versionOf}. */
  version: object | undefined;
  seenAt: number;
}

/** Where a name was found: in `directory`, after the candidates in `before` had none. */
export interface Resolution {
  readonly name: string;
  readonly before: readonly Directory[];
  /** What was asked in each of `before`. */
  readonly vain: readonly Probe[];
  /** The file found, and the directory of the search list it lies in; undefined if there is none. */
  readonly hit: { readonly probe: Probe; readonly directory: Directory; readonly index: number } | undefined;
  /** The moment for which it was last found to hold. */
  askedAt: number;
  /** The walk that the two below speak of. */
  walk: number;
  /** What became of the file found; undefined as long as no include led here. */
  verdict: 'followed' | 'left out' | undefined;
  /** The candidates in `before` are among the results. */
  listed: boolean;
}

/**
 * Name lookups over one search list. They outlive a walk: compiles of one project ask for the same names over and over,
 * and to see that a directory has the entries it had takes one look for all names in it. Half of a walk's time, measured
 * over RE2 and abseil with some 430 headers a file.
 */
export interface Lookups {
  /** The search list, in order. */
  readonly list: readonly Directory[];
  /** The number of the walk that is under way. */
  readonly walk: number;
  /** Begins a walk. Within one `moment` no path is asked for twice; undefined: a moment of its own. */
  begin(view: FileView, moment: object | undefined): void;
  directory(path: string): Directory;
  probe(directory: Directory, name: string): Probe;
  /** Searches the list from position `start` on. */
  resolve(start: number, name: string): Resolution;
}

/** Paths remembered at most, so that a list used for weeks does not grow for ever; some 100 bytes each. */
const MEMORY_LIMIT = 200_000;

export function createLookups(chain: readonly string[]): Lookups {
  return new LookupMemory(chain);
}

class LookupMemory implements Lookups {
  readonly #chain: readonly string[];
  readonly #known = new Map<string, Directory>();
  #memo: Map<string, Resolution>[] = [];
  #list: readonly Directory[];
  #view: FileView | undefined;
  #moment: object | undefined;
  #now = 0;
  #walk = 0;
  #probes = 0;

  constructor(chain: readonly string[]) {
    this.#chain = chain;
    this.#list = chain.map((path) => this.directory(path));
  }

  get list(): readonly Directory[] {
    return this.#list;
  }

  get walk(): number {
    return this.#walk;
  }

  begin(view: FileView, moment: object | undefined): void {
    if (this.#probes > MEMORY_LIMIT) this.#forget();
    if (moment === undefined || moment !== this.#moment) this.#now += 1;
    this.#moment = moment;
    this.#view = view;
    this.#walk += 1;
  }

  #forget(): void {
    this.#known.clear();
    this.#memo = [];
    this.#probes = 0;
    this.#list = this.#chain.map((path) => this.directory(path));
  }

  directory(path: string): Directory {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const fresh: Directory = { path: path === '/' ? '' : path, probes: new Map(), version: undefined, seenAt: 0 };
    this.#known.set(path, fresh);
    return fresh;
  }

  probe(inside: Directory, name: string): Probe {
    const known = inside.probes.get(name);
    if (known !== undefined && this.#holds(known)) return known;
    const slash = name.lastIndexOf('/');
    const parent = slash > 0 ? this.probe(inside, name.slice(0, slash)) : undefined;
    const found = parent?.kind === 'absent' ? parent : this.#ask(inside, name);
    if (known === undefined) this.#probes += 1;
    inside.probes.set(name, found);
    return found;
  }

  resolve(start: number, name: string): Resolution {
    let table = this.#memo[start];
    if (table === undefined) {
      table = new Map();
      this.#memo[start] = table;
    }
    let found = table.get(name);
    if (found === undefined || !this.#stands(found)) {
      found = this.#search(start, name);
      table.set(name, found);
    }
    if (found.walk !== this.#walk) {
      found.walk = this.#walk;
      found.verdict = undefined;
      found.listed = false;
    }
    return found;
  }

  #search(start: number, name: string): Resolution {
    const vain: Probe[] = [];
    for (let index = start; index < this.#list.length; index++) {
      const inside = this.#list[index] as Directory;
      const found = this.probe(inside, name);
      if (isOpened(found.kind)) return this.#resolution(start, name, vain, { probe: found, directory: inside, index });
      vain.push(found);
    }
    return this.#resolution(start, name, vain, undefined);
  }

  #resolution(start: number, name: string, vain: readonly Probe[], hit: Resolution['hit']): Resolution {
    const before = this.#list.slice(start, start + vain.length);
    return { name, before, vain, hit, askedAt: this.#now, walk: 0, verdict: undefined, listed: false };
  }

  /** Whether every candidate is what it was. */
  #stands(found: Resolution): boolean {
    if (found.askedAt === this.#now) return true;
    if (found.hit !== undefined && !this.#holds(found.hit.probe)) return false;
    for (const probe of found.vain) if (!this.#holds(probe)) return false;
    found.askedAt = this.#now;
    return true;
  }

  /** Whether a path is what it was. What is settled holds as long as the entries of its directory are the same. */
  #holds(probe: Probe): boolean {
    if (probe.askedAt >= this.#now) return probe.askedAt === this.#now;
    const version = this.#versionOf(probe.home);
    const isSame = probe.settled && version !== undefined && version === probe.version;
    if (!isSame && !this.#isStill(probe)) {
      // Whatever comes: one path has one probe, though several names may lead to it.
      probe.askedAt = Number.POSITIVE_INFINITY;
      return false;
    }
    probe.version = version;
    probe.askedAt = this.#now;
    return true;
  }

  #isStill({ path, kind, settled, lacking }: Probe): boolean {
    const view = this.#view as FileView;
    if (lacking !== undefined) return view.lacks?.(lacking.directory.path, lacking.name) === true;
    return kind !== 'absent' && view.kindOf(path) === kind && settled === this.#isSettled(kind, path);
  }

  #versionOf(directory: Directory): object | undefined {
    if (directory.seenAt !== this.#now) {
      directory.seenAt = this.#now;
      directory.version = this.#view?.versionOf?.(directory.path);
    }
    return directory.version;
  }

  #ask(inside: Directory, name: string): Probe {
    const view = this.#view as FileView;
    const path = isTidyName(name) ? `${inside.path}/${name}` : tidyPath(`${inside.path}/${name}`);
    const above = directoryOf(path);
    const home = above === inside.path ? inside : this.directory(above);
    const entry = path.slice(above.length + 1);
    const asked = { home, version: this.#versionOf(home), askedAt: this.#now, listedIn: 0 };
    const simple = above !== '' && entry !== '' && entry !== '.' && entry !== '..';
    if (simple && view.lacks?.(above, entry) === true)
      return { path, kind: 'absent', settled: true, lacking: { directory: home, name: entry }, ...asked };
    const kind = view.kindOf(path);
    return { path, kind, settled: this.#isSettled(kind, path), ...asked };
  }

  #isSettled(kind: FileKind, path: string): boolean {
    return kind === 'file' && this.#view?.isLink?.(path) === false;
  }
}

/** Both compilers pass over a directory that bears a header's name and open anything else. */
export function isOpened(kind: FileKind): boolean {
  return kind === 'file' || kind === 'other';
}
