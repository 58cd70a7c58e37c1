import { forDisplay, fromNative } from '../base/byte-string.ts';
import { nearestName } from './nearest-name.ts';
import type { ConfigProblem, Place } from './problem.ts';
import { isSettingKey, SETTING_KEYS, type SettingKey } from './settings.ts';

/** One `key: value` of a file. Strings in `value` are byte strings. */
export interface Entry {
  readonly key: SettingKey;
  readonly value: unknown;
  readonly place: Place;
}

export interface Document {
  readonly entries: readonly Entry[];
  readonly problems: readonly ConfigProblem[];
}

const SECTIONS = [...new Set(SETTING_KEYS.map((key) => key.slice(0, key.indexOf('.'))))];

/**
 * The entries of a `hybridgrid.yaml` (`text` is a byte string). The YAML reader is loaded only here: it takes 6 ms to
 * import, and most programs on most machines meet no configuration file at all.
 */
export async function readDocument(path: string, text: string): Promise<Document> {
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const parsed = yaml.parseDocument(forDisplay(text), { lineCounter: lines, prettyErrors: false });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { path, line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (parsed.errors.length > 0) {
    const problems = parsed.errors.map((error): ConfigProblem => {
      return { kind: 'syntax', place: placeOf(error.pos[0]), message: error.message };
    });
    return { entries: [], problems };
  }
  const entries: Entry[] = [];
  const problems: ConfigProblem[] = [];
  const offsetOf = (node: unknown): number => (yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0);
  const textOf = (node: unknown): string => (yaml.isScalar(node) ? String(node.value) : String(node));

  const visitSection = (section: string, body: unknown, place: Place): void => {
    const mapping = yaml.isAlias(body) ? body.resolve(parsed) : body;
    if (yaml.isScalar(mapping) && mapping.value === null) return;
    if (!yaml.isMap(mapping)) {
      problems.push({ kind: 'syntax', place, message: `"${section}" holds settings, one \`key: value\` a line` });
      return;
    }
    for (const pair of mapping.items) {
      const key = `${section}.${textOf(pair.key)}`;
      const keyPlace = placeOf(offsetOf(pair.key));
      if (isSettingKey(key)) {
        const node = yaml.isAlias(pair.value) ? pair.value.resolve(parsed) : pair.value;
        entries.push({ key, value: plainValue(yaml.isNode(node) ? node.toJS(parsed) : node), place: keyPlace });
      } else {
        problems.push(unknownKey(key, section, keyPlace));
      }
    }
  };

  const top = parsed.contents;
  if (top === null || (yaml.isScalar(top) && top.value === null)) return { entries, problems };
  if (!yaml.isMap(top)) {
    problems.push({ kind: 'syntax', place: placeOf(offsetOf(top)), message: 'expected sections such as `cache:`' });
    return { entries, problems };
  }
  for (const pair of top.items) {
    const name = textOf(pair.key);
    const place = placeOf(offsetOf(pair.key));
    if (SECTIONS.includes(name)) visitSection(name, pair.value, place);
    else problems.push(unknownSection(name, place));
  }
  return { entries, problems };
}

function unknownKey(key: string, section: string, place: Place): ConfigProblem {
  const within = SETTING_KEYS.filter((known) => known.startsWith(`${section}.`)).map((known) =>
    known.slice(section.length + 1),
  );
  const last = key.slice(section.length + 1);
  const near = nearestName(last, within) ?? SETTING_KEYS.find((known) => known.endsWith(`.${last}`));
  return { kind: 'unknown-key', place, key, suggestion: near };
}

/** A setting written at the top level is told its section. */
function unknownSection(name: string, place: Place): ConfigProblem {
  const near =
    nearestName(name, SECTIONS) ?? SETTING_KEYS.find((known) => known === name || known.endsWith(`.${name}`));
  return { kind: 'unknown-key', place, key: name, suggestion: near };
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'string') return fromNative(value);
  return Array.isArray(value) ? value.map(plainValue) : value;
}
