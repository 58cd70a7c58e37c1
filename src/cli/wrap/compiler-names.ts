import { readdirSync } from 'node:fs';
import { classifyDriver } from '../../compiler/driver.ts';
import { isProgram } from '../installation.ts';

export function isDriverName(name: string): boolean {
  return classifyDriver(name) !== undefined;
}

/** The last component of a path, or the name itself. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Every compiler name that PATH has a program for, sorted: the links that stand before them. Not `c89` and `c99`: these
 * are scripts on Debian, which call `gcc` by name and so come by anyway, while a script as compiler is never cached.
 */
export function compilersInPath(path: string): readonly string[] {
  const found = new Set<string>();
  for (const directory of new Set(path.split(':'))) {
    const place = directory === '' ? '.' : directory;
    for (const name of namesIn(place)) {
      if (!found.has(name) && isProgram(`${place}/${name}`)) found.add(name);
    }
  }
  return [...found].sort();
}

/** Cheap words first: PATH has thousands of names, and this stands before every wrapped build. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => /gcc|g\+\+|cc|c\+\+|clang/.test(name) && isLinkable(name));
  } catch {
    return [];
  }
}

function isLinkable(name: string): boolean {
  return isDriverName(name) && !/^c[89]9/.test(name);
}
