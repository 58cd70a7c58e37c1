import type { Digest } from '../base/digest.ts';
import type { Absence, Info, Manifest } from './manifest.ts';

/**
 * A manifest's tables while an entry is filed into them. `place` says where an item stands, adding what is new. Nested
 * maps and no joined keys: a join per item made filing 1,450 absent names twice as slow.
 */
export function tablesOf(manifest: Manifest) {
  const paths = pathTable(manifest.paths);
  const infos = [...manifest.infos];
  const infosByPath: number[][] = [];
  for (const [at, { path }] of infos.entries()) atPath(infosByPath, path, newList).push(at);
  const absences = [...manifest.absences];
  const absencesByDir: Map<string, number>[] = [];
  for (const [at, { dir, name }] of absences.entries()) atPath(absencesByDir, dir, newMap).set(name, at);

  return {
    paths,
    infos: {
      items: infos as readonly Info[],
      place(path: number, digest: Digest, flags: number): number {
        // An input has as many states as it had edits: a handful.
        const places = atPath(infosByPath, path, newList);
        const found = places.find((at) => infos[at]?.digest === digest && infos[at]?.flags === flags);
        if (found !== undefined) return found;
        places.push(infos.length);
        return infos.push({ path, digest, flags }) - 1;
      },
    },
    absences: {
      items: absences as readonly Absence[],
      placeAll(dir: number, names: readonly string[]): number[] {
        const places = atPath(absencesByDir, dir, newMap);
        return names.map((name) => {
          const found = places.get(name);
          if (found !== undefined) return found;
          places.set(name, absences.length);
          return absences.push({ dir, name }) - 1;
        });
      },
    },
  };
}

function newList(): number[] {
  return [];
}

function newMap(): Map<string, number> {
  return new Map();
}

function atPath<T>(table: (T | undefined)[], path: number, make: () => T): T {
  const found = table[path];
  if (found !== undefined) return found;
  const made = make();
  table[path] = made;
  return made;
}

function pathTable(given: readonly string[]) {
  const items = [...given];
  const places = new Map(items.map((item, at) => [item, at]));
  return {
    items: items as readonly string[],
    place(item: string): number {
      const found = places.get(item);
      if (found !== undefined) return found;
      places.set(item, items.length);
      return items.push(item) - 1;
    },
  };
}
