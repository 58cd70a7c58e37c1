import type { Absences, AbsentGroup, Infos, Input, Manifest } from './manifest.ts';
import { indexesOf, type Runs } from './runs.ts';

/** The tables of a manifest while an entry is filed into them. Each function says where the items given to it stand. */
export interface Filing {
  inputs(inputs: readonly Input[]): readonly number[];
  present(paths: readonly string[]): readonly number[];
  absent(groups: readonly AbsentGroup[]): readonly number[];
  /** The tables with all that was filed. */
  tables(): Pick<Manifest, 'paths' | 'infos' | 'absences'>;
}

/**
 * Nearly all that is filed is known, in the order of the newest entry or in that of the table: there it is looked for
 * first. What searches by content is made when something is in neither place, as one input of 430 is after an edit.
 */
export function filingInto({ paths: known, infos, absences, entries }: Manifest): Filing {
  const [newest] = entries;
  const paths = stringTable(known);
  const inputTable = infoTable(infos, paths);
  const absenceTable = tableOfAbsences(absences);
  return {
    inputs(inputs) {
      const placeOf = follow(newest?.inputs);
      return inputs.map((input) => placeOf(input, inputTable));
    },
    present: (given) => given.map(paths.place),
    absent(groups) {
      const placeOf = follow(newest?.absent);
      return groups.flatMap(({ dir, names }) => {
        const below = absenceTable.below(paths.place(dir));
        return names.map((name) => placeOf(name, below));
      });
    },
    tables: () => ({ paths: paths.items, infos: inputTable.items, absences: absenceTable.items }),
  };
}

/** Where items stand; what is new is added. */
interface Table<T> {
  isAt(place: number, item: T): boolean;
  place(item: T): number;
}

/** Takes items one after the other; `before`: the places of those of an entry that is likely much the same. */
function follow(before: Runs = []): <T>(item: T, table: Table<T>) => number {
  const likely = indexesOf(before);
  let count = 0;
  let next = 0;
  return (item, table) => {
    const same = likely[count++] ?? next;
    const place = table.isAt(same, item) ? same : table.isAt(next, item) ? next : table.place(item);
    next = place + 1;
    return place;
  };
}

interface StringTable {
  readonly items: readonly string[];
  readonly place: (item: string) => number;
}

function stringTable(given: readonly string[]): StringTable {
  const items = [...given];
  let places: Map<string, number> | undefined;
  let next = 0;
  const search = (item: string): number => {
    places ??= new Map(items.map((known, at) => [known, at]));
    const found = places.get(item);
    if (found !== undefined) return found;
    places.set(item, items.length);
    return items.push(item) - 1;
  };
  return {
    items,
    place(item) {
      const place = items[next] === item ? next : search(item);
      next = place + 1;
      return place;
    },
  };
}

function infoTable(given: Infos, paths: StringTable): Table<Input> & { readonly items: Infos } {
  const items = { paths: [...given.paths], digests: [...given.digests], flags: [...given.flags] };
  const isAt = (place: number, { path, digest, flags }: Input): boolean =>
    items.digests[place] === digest && items.flags[place] === flags && paths.items[items.paths[place] ?? -1] === path;
  /** By path the last of its states, by state the one before of the same path. */
  let states: { readonly last: Map<number, number>; readonly before: (number | undefined)[] } | undefined;
  const add = (path: number, { digest, flags }: Input): number => {
    const place = items.paths.push(path) - 1;
    items.digests.push(digest);
    items.flags.push(flags);
    if (states !== undefined) chain(states, path, place);
    return place;
  };
  return {
    items,
    isAt,
    place(input) {
      const known = paths.items.length;
      const path = paths.place(input.path);
      if (path === known) return add(path, input);
      if (states === undefined) {
        states = { last: new Map(), before: [] };
        for (const [place, of] of items.paths.entries()) chain(states, of, place);
      }
      let place = states.last.get(path);
      while (place !== undefined && !isAt(place, input)) place = states.before[place];
      return place ?? add(path, input);
    },
  };
}

function chain(
  { last, before }: { readonly last: Map<number, number>; readonly before: (number | undefined)[] },
  path: number,
  place: number,
): void {
  before[place] = last.get(path);
  last.set(path, place);
}

interface AbsenceTable {
  readonly items: Absences;
  /** Names below one directory, which is an index into the paths. */
  below(dir: number): Table<string>;
}

function tableOfAbsences(given: Absences): AbsenceTable {
  const names = stringTable(given.names);
  const items = { dirs: [...given.dirs], names: names.items, named: [...given.named] };
  const filed = new Set(items.dirs);
  let places: Map<number, Map<string, number>> | undefined;
  const placesBelow = (dir: number): Map<string, number> => {
    places ??= placesOf(items);
    const found = places.get(dir) ?? new Map();
    places.set(dir, found);
    return found;
  };
  const add = (dir: number, name: string): number => {
    items.named.push(names.place(name));
    return items.dirs.push(dir) - 1;
  };
  return {
    items,
    below(dir) {
      const isAt = (place: number, name: string): boolean =>
        items.dirs[place] === dir && names.items[items.named[place] ?? -1] === name;
      // Names come once in a group: there is nothing to search for below a directory that had none.
      const isNew = filed.size < filed.add(dir).size;
      if (isNew && places === undefined) return { isAt, place: (name) => add(dir, name) };
      return {
        isAt,
        place(name) {
          const below = placesBelow(dir);
          const place = below.get(name) ?? add(dir, name);
          below.set(name, place);
          return place;
        },
      };
    },
  };
}

function placesOf({ dirs, names, named }: Absences): Map<number, Map<string, number>> {
  const places = new Map<number, Map<string, number>>();
  for (const [place, dir] of dirs.entries()) {
    const below = places.get(dir) ?? new Map<string, number>();
    places.set(dir, below);
    below.set(names[named[place] as number] as string, place);
  }
  return places;
}
