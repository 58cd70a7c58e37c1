import { directoryOf, isTidyName, tidyPath } from './paths.ts';
import type { FileKind, FileView } from './port.ts';
import { type Conclusion, type Directory, isOpened, type Probe, type Resolution } from './probes.ts';
import { type Visit, visitOf } from './visit.ts';

/**
 * Name lookups over one search list. They outlive a walk: compiles of one project ask for the same names over and over,
 * and to see that a directory has the entries it had takes one look for all names in it. So does all that follows from
 * them: see {@link Visit}. Three quarters of a walk's time, measured over RE2 and abseil with some 430 headers a file.
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
  /** A file as it is visited from somewhere, remembered with what it leads to. */
  visit(path: string, directory: Directory, next: number, early: boolean): Visit;
  /** What follows from these probes, as of this moment. */
  conclude(probes: Iterable<Probe>): Conclusion;
  /** Whether none of the probes that something follows from has changed. */
  stands(conclusion: Conclusion): boolean;
  /** What follows from all that was asked in this walk, as of this moment. */
  rests(): Conclusion;
}

/** Paths remembered at most, so that a list used for weeks does not grow for ever; some 200 bytes each. */
const MEMORY_LIMIT = 200_000;

export function createLookups(chain: readonly string[]): Lookups {
  return new LookupMemory(chain);
}

class LookupMemory implements Lookups {
  readonly #chain: readonly string[];
  readonly #known = new Map<string, Directory>();
  readonly #visits = new Map<string, Visit[]>();
  #memo: Map<string, Resolution>[] = [];
  #list: readonly Directory[];
  #view: FileView | undefined;
  #moment: object | undefined;
  #now = 0;
  #walk = 0;
  #probes = 0;
  /** The homes of all that was asked in this walk. */
  #homes: Directory[] = [];

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
    this.#homes = [];
  }

  #forget(): void {
    this.#known.clear();
    this.#visits.clear();
    this.#memo = [];
    this.#probes = 0;
    this.#list = this.#chain.map((path) => this.directory(path));
  }

  directory(path: string): Directory {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const fresh: Directory = {
      path: path === '/' ? '' : path,
      probes: new Map(),
      entries: [],
      loose: [],
      version: undefined,
      seenAt: 0,
      changedAt: 0,
      vainIn: 0,
      vain: [],
      restsIn: 0,
    };
    this.#known.set(path, fresh);
    return fresh;
  }

  visit(path: string, directory: Directory, next: number, early: boolean): Visit {
    let visits = this.#visits.get(path);
    if (visits === undefined) {
      visits = [];
      this.#visits.set(path, visits);
    }
    return visitOf(visits, path, directory, next, early);
  }

  probe(inside: Directory, name: string): Probe {
    const known = inside.probes.get(name);
    if (known !== undefined && this.#holds(known)) {
      this.#restOn(known.home);
      return known;
    }
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
    if (found === undefined || !this.stands(found)) {
      found = this.#search(start, name);
      table.set(name, found);
    }
    return found;
  }

  conclude(probes: Iterable<Probe>): Conclusion {
    const homes = new Set<Directory>();
    for (const { home } of probes) homes.add(home);
    return { homes: [...homes], checkedAt: this.#now, restsIn: this.#walk };
  }

  stands(conclusion: Conclusion): boolean {
    const { homes, checkedAt } = conclusion;
    if (checkedAt !== this.#now) {
      for (const home of homes) {
        this.#look(home);
        if (home.changedAt > checkedAt) return false;
      }
      conclusion.checkedAt = this.#now;
    }
    if (conclusion.restsIn !== this.#walk) {
      conclusion.restsIn = this.#walk;
      for (const home of homes) this.#restOn(home);
    }
    return true;
  }

  rests(): Conclusion {
    return { homes: this.#homes, checkedAt: this.#now, restsIn: this.#walk };
  }

  #restOn(home: Directory): void {
    if (home.restsIn === this.#walk) return;
    home.restsIn = this.#walk;
    this.#homes.push(home);
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
    const conclusion = this.conclude(hit === undefined ? vain : [...vain, hit.probe]);
    return { name, before, vain, hit, ...conclusion, walk: 0, verdict: undefined, listed: false };
  }

  /** Whether a path is what it was. What is settled holds as long as the entries of its directory are the same. */
  #holds(probe: Probe): boolean {
    this.#look(probe.home);
    return !probe.isGone;
  }

  /** Looks at a directory, once in a moment, and finds out which of its probes do not hold any more. */
  #look(home: Directory): void {
    if (home.seenAt === this.#now) return;
    home.seenAt = this.#now;
    const version = this.#view?.versionOf?.(home.path);
    const isSame = version !== undefined && version === home.version;
    home.version = version;
    let gone = 0;
    for (const probe of isSame ? home.loose : home.entries) {
      probe.isGone = !this.#isStill(probe);
      if (probe.isGone) gone += 1;
    }
    if (gone === 0) return;
    home.changedAt = this.#now;
    home.entries = home.entries.filter((probe) => !probe.isGone);
    home.loose = home.loose.filter((probe) => !probe.isGone);
  }

  #isStill({ path, kind, settled, lacking }: Probe): boolean {
    const view = this.#view as FileView;
    if (lacking !== undefined) return view.lacks?.(lacking.directory.path, lacking.name) === true;
    // What is absent in any other way may by now be so by a directory above it, which then stands for it.
    return kind !== 'absent' && view.kindOf(path) === kind && settled === this.#isSettled(kind, path);
  }

  #ask(inside: Directory, name: string): Probe {
    const path = isTidyName(name) ? `${inside.path}/${name}` : tidyPath(`${inside.path}/${name}`);
    const above = directoryOf(path);
    const home = above === inside.path ? inside : this.directory(above);
    // First the directory, then what is in it: what comes in between is seen when the directory is looked at again.
    this.#look(home);
    this.#restOn(home);
    const probe = this.#probeAt(path, above, home);
    home.entries.push(probe);
    if (!probe.settled) home.loose.push(probe);
    return probe;
  }

  #probeAt(path: string, above: string, home: Directory): Probe {
    const view = this.#view as FileView;
    const entry = path.slice(above.length + 1);
    const fresh = { home, isGone: false, listedIn: 0 };
    const simple = above !== '' && entry !== '' && entry !== '.' && entry !== '..';
    if (simple && view.lacks?.(above, entry) === true)
      return { path, kind: 'absent', settled: true, lacking: { directory: home, name: entry }, ...fresh };
    const kind = view.kindOf(path);
    return { path, kind, settled: this.#isSettled(kind, path), ...fresh };
  }

  #isSettled(kind: FileKind, path: string): boolean {
    return kind === 'file' && this.#view?.isLink?.(path) === false;
  }
}
