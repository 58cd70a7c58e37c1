import { type Blanks, blanksOf } from './code-text.ts';
import type { FileScan } from './directives.ts';

/**
 * Macro definitions as far as an `#include MACRO` needs them. A scan keeps them as one string, a line per definition:
 * the name, one of the marks below, a value. One string instead of objects, because nearly no compile ever asks:
 * libstdc++ defines thousands of macros and includes through none.
 *
 * `"` value is the name of a "quoted" header; `<` value is the name of a <bracketed> one; `=` value is another macro;
 * `?` could expand to a header in ways only a preprocessor can tell; `.` cannot expand to a header.
 */
export type Definition =
  | { readonly kind: 'quote' | 'angle' | 'alias'; readonly value: string }
  | { readonly kind: 'opaque' | 'value' };

const IDENTIFIER = /[A-Za-z_$\x80-\xff][\w$\x80-\xff]*/y;
const STRING = /"([^"\\\n\r]*)"/y;
const BRACKETED = /<([^>\n\r]*)>/y;
/** First characters of a body that could still become a header name: a word, a literal, <, a backslash, a comment left open. */
const OPENS_NAME = /^[A-Za-z_$"<\\\x80-\xff/]$/;

/** The line for the `#define` whose name begins at or after `at`; '' if there is no name. */
export function definition(blanks: Blanks, at: number): string {
  const start = blanks.skip(at);
  IDENTIFIER.lastIndex = start;
  if (!IDENTIFIER.test(blanks.text)) return '';
  const end = IDENTIFIER.lastIndex;
  const name = blanks.text.slice(start, end);
  return `${name}${blanks.text.charCodeAt(end) === 40 ? '?' : bodyMark(blanks, blanks.skip(end))}\n`;
}

function bodyMark(blanks: Blanks, at: number): string {
  const { text } = blanks;
  if (blanks.endsLine(at) || !OPENS_NAME.test(text.charAt(at))) return '.';
  const name = matchWhole(blanks, STRING, at);
  if (name !== undefined) return `"${name.slice(1, -1)}`;
  const bracketed = matchWhole(blanks, BRACKETED, at);
  // Between < and > stand tokens, not text: a comment or blanks inside are not taken literally.
  if (bracketed !== undefined) return /[\s"']|\/[/*]/.test(bracketed) ? '?' : `<${bracketed.slice(1, -1)}`;
  const alias = matchWhole(blanks, IDENTIFIER, at);
  return alias === undefined ? '?' : `=${alias}`;
}

/** What `pattern` matches at `at` if nothing else follows in the line. */
function matchWhole(blanks: Blanks, pattern: RegExp, at: number): string | undefined {
  pattern.lastIndex = at;
  if (!pattern.test(blanks.text)) return undefined;
  const end = pattern.lastIndex;
  return blanks.endsLine(blanks.skip(end)) ? blanks.text.slice(at, end) : undefined;
}

/** The line for a `-D` operand (`NAME`, `NAME=BODY`, `NAME(x)=BODY`), as the compiler turns it into a `#define`. */
export function commandLineDefinition(operand: string): string {
  const equals = operand.indexOf('=');
  const text = equals < 0 ? `${operand} 1` : `${operand.slice(0, equals)} ${operand.slice(equals + 1)}`;
  return definition(blanksOf(text), 0);
}

const parsed = new WeakMap<FileScan, ReadonlyMap<string, readonly Definition[]>>();

/** The definitions of one scan by name. */
export function definitionsOf(scan: FileScan): ReadonlyMap<string, readonly Definition[]> {
  let table = parsed.get(scan);
  if (table === undefined) {
    table = parseDefinitions(scan.macros);
    parsed.set(scan, table);
  }
  return table;
}

export function parseDefinitions(lines: string): ReadonlyMap<string, readonly Definition[]> {
  const table = new Map<string, Definition[]>();
  for (const line of lines.split('\n')) {
    const mark = line.search(/["<=?.]/);
    if (mark < 0) continue;
    const name = line.slice(0, mark);
    const list = table.get(name);
    const value = parseMark(line.charAt(mark), line.slice(mark + 1));
    if (list === undefined) table.set(name, [value]);
    else list.push(value);
  }
  return table;
}

function parseMark(mark: string, value: string): Definition {
  switch (mark) {
    case '"':
      return { kind: 'quote', value };
    case '<':
      return { kind: 'angle', value };
    case '=':
      return { kind: 'alias', value };
    case '?':
      return { kind: 'opaque' };
    default:
      return { kind: 'value' };
  }
}
