import { withoutComments } from './code-text.ts';

/**
 * Words that make a compile depend on something no `#include` names: the assembler's own inclusion and the time
 * macros. They can be pasted or split (`inc##bin`, `".inc" "bin"`, `CAT(__DA,TE__)`), so they are looked for in the
 * text as it would be without blanks, quotes, #, backslashes, parentheses, commas and comment marks.
 * A word whose pieces lie far apart (`#define B bin` and `CAT(inc, B)`) cannot be seen in text: for it the
 * assembler's own dependency output is the proof.
 */
export type HiddenWord = 'incbin' | 'date' | 'timestamp' | 'has-include';

const JUNK = '[\\s"#\\\\(),/*]*';

function spread(word: string): string {
  return [...word].map((letter) => (/[a-z]/.test(letter) ? `[${letter}${letter.toUpperCase()}]` : letter)).join(JUNK);
}

/** Exact case: identifiers of the preprocessor. */
function spreadExactly(word: string): string {
  return [...word].join(JUNK);
}

const INCBIN = new RegExp(spread('incbin'), 'g');
const DOT_INCLUDE = new RegExp(`\\.${JUNK}${spread('include')}`, 'g');
const DATE = new RegExp(`${spreadExactly('__DATE__')}|${spreadExactly('__TIME__')}`);
const TIMESTAMP = new RegExp(spreadExactly('__TIMESTAMP__'));
const HAS_INCLUDE = new RegExp(spreadExactly('__has_include'), 'g');
/** Part of each word above that begins with a rare letter: one search at 0.5 ns a byte instead of four at 1 ns. */
const ENDINGS = new RegExp(['DATE__', 'TIME__', 'TIMESTAMP__', 'has_inc'].map(spreadExactly).join('|'));
const CBIN = new RegExp(spread('cbin'));

/** What can join two pieces: string concatenation, pasting, a macro's arguments. A blank or a parenthesis alone cannot. */
const JOINT = /["#,\\]/;

/** Every hidden word of a text whose splices are joined. */
export function hiddenWords(text: string): readonly HiddenWord[] {
  const found = wordsIn(text);
  // Comments with text in them can stand between the pieces, too.
  if (!text.includes('##') && !text.includes('asm')) return found;
  const code = withoutComments(text);
  return code === undefined ? found : [...new Set([...found, ...wordsIn(code)])];
}

function wordsIn(text: string): readonly HiddenWord[] {
  const found: HiddenWord[] = [];
  if (includesFromAssembler(text)) found.push('incbin');
  if (!ENDINGS.test(text)) return found;
  if (DATE.test(text)) found.push('date');
  if (TIMESTAMP.test(text)) found.push('timestamp');
  for (const match of text.matchAll(HAS_INCLUDE)) {
    if (match[0] !== '__has_include') {
      found.push('has-include');
      break;
    }
  }
  return found;
}

function includesFromAssembler(text: string): boolean {
  if (CBIN.test(text))
    for (const [word] of text.matchAll(INCBIN)) if (word.length === 6 || JOINT.test(word)) return true;
  for (const { 0: word, index } of text.matchAll(DOT_INCLUDE))
    if (isAssemblerInclude(word) && !isMember(text, index, index + word.length)) return true;
  return false;
}

/** `list.include`, `a[1].IncludeLoc`, `.includes`: a name behind a value, or a longer word. An escape (`\\t`) is no value. */
function isMember(text: string, from: number, to: number): boolean {
  return /\w/.test(text.charAt(to)) || /(?:^|[^\\])[\w)\]]$/.test(text.slice(Math.max(0, from - 2), from));
}

/** `.include` whole or in pieces, but neither the full stop before a `#include` nor "etc., include". */
function isAssemblerInclude(word: string): boolean {
  if (word.length === 8) return true;
  if (/[\r\n]\s*(?:\/\*\s*)?#[ \t]*include$/.test(word)) return false;
  const afterDot = /^\.[\s"#\\(),/*]*/.exec(word)?.[0] ?? '';
  if (afterDot.length > 1) return /["#\\]/.test(afterDot) && !afterDot.includes(',');
  return JOINT.test(word);
}
