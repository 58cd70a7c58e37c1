import { readdirSync, readFileSync } from 'node:fs';
import { fsPath, toBytes } from '../base/byte-string.ts';
import { writeAtomically } from '../cas/atomic-write.ts';
import type { CacheLayout } from '../cas/layout.ts';
import { errnoOf, type Unwritable } from '../cas/unwritable.ts';

/** A small file of JSON, as a byte string; undefined if it is absent, unreadable or no JSON object. */
export function readSmallJson(path: string): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(fsPath(path), 'latin1');
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Writes it so that readers see the old or the new one. */
export function writeSmallJson(layout: CacheLayout, path: string, value: object): Unwritable | undefined {
  return writeAtomically(layout, path, toBytes(`${JSON.stringify(value)}\n`));
}

/** The names in a directory, sorted; none if it is absent or unreadable. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(fsPath(directory), 'latin1').sort();
  } catch (error) {
    errnoOf(error);
    return [];
  }
}
