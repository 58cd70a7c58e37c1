import { readdirSync } from 'node:fs';
import { isProgram } from '../installation.ts';

/**
 * What a gcc or clang driver may be called: with or without a target prefix and a version. `gcc-ar-12` and
 * `clang-format` are none.
 */
const DRIVER_NAME = /^(?:[\w.+]+-)*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+)(?:-\d+(?:\.\d+)*)?$/;

export function isDriverName(name: string): boolean {
  return DRIVER_NAME.test(name);
}

/** The last component of a path, or the name itself. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Every compiler name that PATH has a program for, sorted: the links that stand before them. */
export function compilersInPath(path: string): readonly string[] {
  const found = new Set<string>();
  for (const directory of new Set(path.split(':'))) {
    for (const name of namesIn(directory === '' ? '.' : directory)) {
      if (!found.has(name) && isProgram(`${directory}/${name}`)) found.add(name);
    }
  }
  return [...found].sort();
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter(isDriverName);
  } catch {
    return [];
  }
}
