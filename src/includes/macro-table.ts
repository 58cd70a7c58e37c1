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

const WS = '(?:[ \\t\\f\\v\\0]|/\\*(?:[^*]|\\*(?!/))*\\*/)*';
const IDENTIFIER = '[A-Za-z_$\\x80-\\xff][\\w$\\x80-\\xff]*';
const END = `${WS}(?=[\\n\\r]|//|$)`;
const NAME = new RegExp(`${WS}(${IDENTIFIER})(\\()?`, 'y');
const BODY = new RegExp(`${WS}(?:"([^"\\\\\\n\\r]*)"${END}|<([^>\\n\\r]*)>${END}|(${IDENTIFIER})${END})`, 'y');
const FIRST = new RegExp(`${WS}([\\s\\S]?)`, 'y');
/** First characters of a body that could still become a header name: a word, a literal, <, a backslash, a comment left open. */
const OPENS_NAME = /^[A-Za-z_$"<\\\x80-\xff/]$/;

/** The line for the `#define` whose name begins at or after `at`; '' if there is no name. */
export function definition(text: string, at: number): string {
  NAME.lastIndex = at;
  const head = NAME.exec(text);
  if (head === null) return '';
  const name = head[1] as string;
  if (head[2] !== undefined) return `${name}?\n`;
  return `${name}${bodyMark(text, NAME.lastIndex)}\n`;
}

function bodyMark(text: string, at: number): string {
  FIRST.lastIndex = at;
  const first = FIRST.exec(text)?.[1] ?? '';
  if (!OPENS_NAME.test(first) || (first === '/' && text.startsWith('//', FIRST.lastIndex - 1))) return '.';
  BODY.lastIndex = at;
  const body = BODY.exec(text);
  if (body === null) return '?';
  if (body[1] !== undefined) return `"${body[1]}`;
  // Between < and > stand tokens, not text: a comment or blanks inside are not taken literally.
  if (body[2] !== undefined) return /[\s"']|\/[/*]/.test(body[2]) ? '?' : `<${body[2]}`;
  return `=${body[3]}`;
}

/** The line for a `-D` operand (`NAME`, `NAME=BODY`, `NAME(x)=BODY`), as the compiler turns it into a `#define`. */
export function commandLineDefinition(operand: string): string {
  const equals = operand.indexOf('=');
  return definition(equals < 0 ? `${operand} 1` : `${operand.slice(0, equals)} ${operand.slice(equals + 1)}`, 0);
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
