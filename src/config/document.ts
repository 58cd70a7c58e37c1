import type { Document as YamlDocument } from 'yaml';
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

export interface ConfigDocument {
  readonly entries: readonly Entry[];
  readonly problems: readonly ConfigProblem[];
}

type Yaml = typeof import('./yaml-reader.ts');

/** One walk over a parsed file. */
interface Walk {
  readonly yaml: Yaml;
  readonly parsed: YamlDocument;
  readonly placeOf: (offset: number) => Place;
  readonly entries: Entry[];
  readonly problems: ConfigProblem[];
}

const SECTIONS = [...new Set(SETTING_KEYS.map((key) => key.slice(0, key.indexOf('.'))))];

/**
 * The entries of a `hybridgrid.yaml` (`text` is a byte string). The YAML reader is loaded only here: it takes 6 ms to
 * import, and most programs on most machines meet no configuration file at all.
 */
export async function readDocument(path: string, text: string): Promise<ConfigDocument> {
  const yaml = await import('./yaml-reader.ts');
  const lines = new yaml.LineCounter();
  const parsed: YamlDocument = yaml.parseDocument(forDisplay(text), { lineCounter: lines, prettyErrors: false });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { path, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const walk: Walk = { yaml, parsed, placeOf, entries: [], problems: [] };
  for (const { pos, message } of parsed.errors) {
    walk.problems.push({ kind: 'syntax', place: placeOf(pos[0]), message });
  }
  if (walk.problems.length === 0) visitFile(walk);
  return walk;
}

function visitFile(walk: Walk): void {
  const { yaml, parsed, placeOf } = walk;
  const top = parsed.contents;
  if (top === null || isEmpty(walk, top)) return;
  if (!yaml.isMap(top)) {
    const place = placeOf(offsetOf(walk, top));
    walk.problems.push({ kind: 'syntax', place, message: 'expected sections such as `cache:`' });
    return;
  }
  for (const { key, value } of top.items) {
    const name = textOf(walk, key);
    const place = placeOf(offsetOf(walk, key));
    if (SECTIONS.includes(name)) visitSection(walk, name, value, place);
    else walk.problems.push(unknownSection(name, place));
  }
}

function visitSection(walk: Walk, section: string, body: unknown, place: Place): void {
  const mapping = followAlias(walk, body);
  if (isEmpty(walk, mapping)) return;
  if (!walk.yaml.isMap(mapping)) {
    const message = `"${section}" holds settings, one \`key: value\` a line`;
    walk.problems.push({ kind: 'syntax', place, message });
    return;
  }
  for (const pair of mapping.items) {
    const key = `${section}.${textOf(walk, pair.key)}`;
    const at = walk.placeOf(offsetOf(walk, pair.key));
    if (isSettingKey(key)) walk.entries.push({ key, value: settingValue(walk, pair.value), place: at });
    else walk.problems.push(unknownKey(key, section, at));
  }
}

function followAlias({ yaml, parsed }: Walk, node: unknown): unknown {
  return yaml.isAlias(node) ? node.resolve(parsed) : node;
}

function isEmpty({ yaml }: Walk, node: unknown): boolean {
  return node === null || (yaml.isScalar(node) && node.value === null);
}

function settingValue(walk: Walk, raw: unknown): unknown {
  const node = followAlias(walk, raw);
  return asByteStrings(walk.yaml.isNode(node) ? node.toJS(walk.parsed) : node);
}

function offsetOf({ yaml }: Walk, node: unknown): number {
  return yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function textOf({ yaml }: Walk, node: unknown): string {
  return yaml.isScalar(node) ? String(node.value) : String(node);
}

function asByteStrings(value: unknown): unknown {
  if (typeof value === 'string') return fromNative(value);
  return Array.isArray(value) ? value.map(asByteStrings) : value;
}

function unknownKey(key: string, section: string, place: Place): ConfigProblem {
  const leaf = key.slice(section.length + 1);
  const siblings = SETTING_KEYS.filter((known) => known.startsWith(`${section}.`));
  const near = nearestName(
    leaf,
    siblings.map((known) => known.slice(section.length + 1)),
  );
  return { kind: 'unknown-key', place, key, suggestion: near ?? withSection(leaf) };
}

function unknownSection(name: string, place: Place): ConfigProblem {
  return { kind: 'unknown-key', place, key: name, suggestion: nearestName(name, SECTIONS) ?? withSection(name) };
}

/** A setting that was written without its section, or in another one. */
function withSection(name: string): string | undefined {
  return SETTING_KEYS.find((known) => known === name || known.endsWith(`.${name}`));
}
