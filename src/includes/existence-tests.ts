import { addLookup, type Pass } from './directives.ts';

const BLANKS = '(?:[ \\t\\f\\v\\0]|/\\*(?:[^*]|\\*(?!/)){0,400}\\*/)*';
const WORD = /[A-Za-z_$\x80-\xff][\w$\x80-\xff]*/y;
const QUOTED = /"([^"\n\r]*)"/y;
const BRACKETED = /<([^>\n\r]*)>/y;
/** What may stand before the word without making it a test: asking whether it exists, defining it away. */
const ASKED_OR_DEFINED = new RegExp(
  `(?:(?<![\\w$])defined${BLANKS}\\(?|(?:ifdef|ifndef|undef|elifdef|elifndef|define))${BLANKS}$`,
);
const CONDITION = new RegExp(`^${BLANKS}(?:#|%:|\\?\\?=)${BLANKS}(?:el)?if(?![\\w$])`);
/** Far enough to see what a person writes before the word; not seeing it raises a flag, nothing worse. */
const LOOK_BEHIND = 200;

/** `__has_include(...)`, `__has_include_next(...)` and `__has_embed(...)`, in conditions and in macros. */
export function readExistenceTests(pass: Pass): void {
  const { text } = pass.blanks;
  if (!text.includes('__has_include') && !text.includes('__has_embed')) return;
  let lineStart = 0;
  let lineEnd = text.indexOf('\n');
  for (const { 0: word, index } of text.matchAll(/(?<![\w$])__has_(?:include_next|include|embed)(?![\w$])/g)) {
    while (lineEnd >= 0 && lineEnd < index) {
      lineStart = lineEnd + 1;
      lineEnd = text.indexOf('\n', lineStart);
    }
    const before = text.slice(Math.max(lineStart, index - LOOK_BEHIND), index);
    if (ASKED_OR_DEFINED.test(before)) continue;
    if (word === '__has_embed') pass.flags.add('embed');
    else {
      const op = word === '__has_include' ? 'has_include' : 'has_include_next';
      readTest(pass, op, index + word.length, CONDITION.test(text.slice(lineStart, lineStart + LOOK_BEHIND)));
    }
  }
}

/** `inCondition`: the line is an #if, so the operand is read as a header name and not as tokens. */
function readTest(pass: Pass, op: 'has_include' | 'has_include_next', at: number, inCondition: boolean): void {
  const { blanks } = pass;
  const { text } = blanks;
  const open = blanks.skip(at);
  const start = blanks.skip(open + 1);
  QUOTED.lastIndex = start;
  BRACKETED.lastIndex = start;
  WORD.lastIndex = start;
  if (text.charCodeAt(open) !== 40) pass.flags.add('computed');
  else if (QUOTED.test(text)) addLookup(pass, op, 'quote', text.slice(start + 1, QUOTED.lastIndex - 1));
  else if (BRACKETED.test(text)) {
    if (!inCondition) pass.tokens = true;
    addLookup(pass, op, inCondition ? 'angle' : 'tokens', text.slice(start + 1, BRACKETED.lastIndex - 1));
  } else if (inCondition && WORD.test(text) && text.charCodeAt(blanks.skip(WORD.lastIndex)) === 41)
    addLookup(pass, op, 'macro', text.slice(start, WORD.lastIndex));
  // An operand that may be a parameter of the macro being defined says nothing.
  else pass.flags.add('computed');
}
