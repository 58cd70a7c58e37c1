import { type Digest, sha256 } from '../base/digest.ts';
import { sequenceChanges } from './sequence-changes.ts';

/**
 * Everything a result depends on before any file is opened, as a list of tagged fields. The same list is hashed into
 * the key of a manifest and kept in it, so that a key can always say what went into it: `hgbuild explain` compares
 * two lists, never two digests.
 */
export interface Field {
  readonly tag: FieldTag;
  /** A byte string; any byte may occur. */
  readonly value: string;
}

/** What a person is told that differs; the same words as the agent's control protocol uses. */
export interface Difference {
  readonly what: 'input' | 'absent-file' | 'option' | 'environment' | 'compiler' | 'directory' | 'other';
  readonly name: string;
  /** Byte string; empty where there was nothing before. */
  readonly before: string;
  /** Byte string; empty where there is nothing now. */
  readonly now: string;
}

interface TagMeaning {
  readonly what: Difference['what'];
  /** What a field with this tag is called when two values are compared. */
  readonly name: string;
}

/**
 * The closed list of tags. A tag's name is hashed: renaming one forgets every cached result. Adding one is harmless.
 * Fields of one tag may occur many times, and their order counts.
 */
export const FIELD_TAGS = {
  format: { what: 'other', name: 'cache format' },
  toolchain: { what: 'compiler', name: 'compiler identity' },
  compiler: { what: 'compiler', name: 'compiler' },
  assembler: { what: 'compiler', name: 'assembler' },
  'native-arch': { what: 'compiler', name: 'meaning of -march=native' },
  search: { what: 'compiler', name: 'built-in search directory' },
  language: { what: 'other', name: 'language' },
  stage: { what: 'other', name: 'kind of output' },
  output: { what: 'other', name: 'output' },
  depfile: { what: 'other', name: 'dependency file' },
  colour: { what: 'other', name: 'colour of diagnostics' },
  option: { what: 'option', name: 'option' },
  env: { what: 'environment', name: 'environment variable' },
  cwd: { what: 'directory', name: 'working directory' },
  pwd: { what: 'directory', name: 'PWD' },
  'base-directory': { what: 'directory', name: 'base directory' },
  source: { what: 'other', name: 'source file' },
  'extra-input': { what: 'other', name: 'file named by an option' },
  setting: { what: 'other', name: 'setting' },
  other: { what: 'other', name: 'condition' },
} as const satisfies Record<string, TagMeaning>;

export type FieldTag = keyof typeof FIELD_TAGS;

const ONLY_BYTES = /^[\x00-\xff]*$/;

/**
 * The digest of a list of fields. Each is written as `tag length\nvalue\n`: a tag holds no space and a length no line
 * end, so the text can be read back in one way only and no two lists share it.
 */
export function fingerprint(fields: readonly Field[]): Digest {
  let text = '';
  for (const { tag, value } of fields) {
    // A char code above 255 would be cut to a byte by the hash: two values would become one.
    if (!ONLY_BYTES.test(value)) throw new RangeError(`fingerprint field ${tag} is not a byte string`);
    text += `${tag} ${value.length}\n${value}\n`;
  }
  return sha256(text);
}

/** What differs between two lists; empty exactly when their fingerprints are equal. */
export function diffFingerprints(before: readonly Field[], after: readonly Field[]): readonly Difference[] {
  const found: Difference[] = [];
  for (const tag of Object.keys(FIELD_TAGS) as FieldTag[]) {
    found.push(...(tag === 'env' ? variables(before, after) : changed(tag, before, after)));
  }
  if (found.length > 0 || fingerprint(before) === fingerprint(after)) return found;
  return [{ what: 'other', name: 'order of fields', before: order(before), now: order(after) }];
}

function valuesOf(tag: FieldTag, fields: readonly Field[]): readonly string[] {
  return fields.filter((field) => field.tag === tag).map((field) => field.value);
}

function changed(tag: FieldTag, before: readonly Field[], after: readonly Field[]): readonly Difference[] {
  const { what, name } = FIELD_TAGS[tag];
  return sequenceChanges(valuesOf(tag, before), valuesOf(tag, after)).map((change) => ({
    what,
    name: tag === 'option' ? (change.before ?? change.now ?? name) : name,
    before: change.before ?? '',
    now: change.now ?? '',
  }));
}

/** Variables are told by name: `NAME=value` fields that only stand elsewhere are no news. */
function variables(before: readonly Field[], after: readonly Field[]): readonly Difference[] {
  const then = byName(valuesOf('env', before));
  const now = byName(valuesOf('env', after));
  const found: Difference[] = [];
  for (const name of new Set([...then.keys(), ...now.keys()])) {
    const difference = { what: 'environment', name, before: then.get(name) ?? '', now: now.get(name) ?? '' } as const;
    if (difference.before !== difference.now || then.has(name) !== now.has(name)) found.push(difference);
  }
  return found;
}

function byName(values: readonly string[]): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const value of values) {
    const at = value.indexOf('=');
    named.set(at < 0 ? value : value.slice(0, at), at < 0 ? '' : value.slice(at + 1));
  }
  return named;
}

function order(fields: readonly Field[]): string {
  return fields.map((field) => `${field.tag}=${field.value}`).join(' ');
}
