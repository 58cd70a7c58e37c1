/**
 * The lexical layers below directives: spliced lines, comments, literals. Everything here works on byte strings.
 * Rejected: lexing every header exactly. Which text is a comment depends on language and standard (`//` in C90, raw
 * strings, digit separators), so an exact lexer can be wrong, and being wrong towards "comment" loses an include.
 * The scanner therefore reads directives without asking whether they lie in a comment, and asks here only where the
 * answer can do no harm: to withdraw a refusal.
 */

const SPLICE = /\\[ \t\f\v\0]*(?:\r\n|\n)/g;

/** Deletes spliced line ends (backslash, optional blanks, newline), as both compilers do before anything else. */
export function joinSplicedLines(content: string): string {
  return content.includes('\\\n') || /\\[ \t\f\v\0\r]+\n/.test(content) ? content.replace(SPLICE, '') : content;
}

// Order matters: comments, raw strings, literals (they end at the line's end when unbalanced), numbers with separators.
const TOKEN =
  /\/\/[^\n\r]*|\/\*[\s\S]*?(?:\*\/|$)|\b(?:u8|[uUL])?R"([^()\\ \t\n\v\f"]{0,16})\([\s\S]*?\)\1"|"(?:[^"\\\n\r]|\\[^\n\r])*"?|'(?:[^'\\\n\r]|\\[^\n\r])*'?|\b\d[\w.]*'[\w.']*/g;

/**
 * The text with every comment replaced by one space; literals stay. `undefined` where the reading is ambiguous, so
 * that nothing can be concluded from it. `text` has its splices joined.
 */
export function withoutComments(text: string): string | undefined {
  if (text.includes('??/') || tooManyRawStrings(text)) return undefined;
  let ambiguous = false;
  const code = text.replace(TOKEN, (token, _delimiter: unknown, offset: number) => {
    const first = token.charCodeAt(0);
    if (first === 47) return ' ';
    // 1'000 is a number in C++14 and an unbalanced quote in C: that matters if a comment or string opens after it.
    if (first >= 48 && first <= 57 && opensSomething(text, offset + token.length)) ambiguous = true;
    return token;
  });
  return ambiguous ? undefined : code;
}

function opensSomething(text: string, from: number): boolean {
  const end = text.indexOf('\n', from);
  return /["']|\/\*/.test(text.slice(from, end < 0 ? text.length : end));
}

/** A raw string never closed is searched to the end of the file, so thousands of them are not worth the answer. */
function tooManyRawStrings(text: string): boolean {
  let at = -1;
  for (let count = 0; count < 1000; count++) {
    at = text.indexOf('R"', at + 1);
    if (at < 0) return false;
  }
  return true;
}

/** Positions between the tokens of one text. */
export interface Blanks {
  readonly text: string;
  /** The first position from `at` on that is neither blank nor in a block comment; a newline is not blank. */
  skip(at: number): number;
  /** Whether the logical line ends at `at`, or only a line comment is left of it. */
  endsLine(at: number): boolean;
  /** Whether only blanks and comments can stand before `at` in its line. */
  startsLine(at: number): boolean;
}

/** The end of an open comment is remembered: a text of comments that never close would take quadratic time otherwise. */
export function blanksOf(text: string): Blanks {
  let searchedFrom = 0;
  let close = -2;
  const commentEnd = (from: number): number => {
    if (close === -2 || from < searchedFrom || (close >= 0 && close < from)) {
      searchedFrom = from;
      close = text.indexOf('*/', from);
    }
    return close;
  };
  const skip = (at: number): number => {
    for (let i = at; ; i++) {
      const code = text.charCodeAt(i);
      if (isBlank(code)) continue;
      if (code !== 47 || text.charCodeAt(i + 1) !== 42) return i;
      const end = commentEnd(i + 2);
      if (end < 0) return i;
      i = end + 1;
    }
  };
  const endsLine = (at: number): boolean => {
    const code = text.charCodeAt(at);
    return Number.isNaN(code) || code === 10 || code === 13 || (code === 47 && text.charCodeAt(at + 1) === 47);
  };
  return { text, skip, endsLine, startsLine: (at) => startsLine(text, at) };
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 12 || code === 11 || code === 0;
}

function startsLine(text: string, at: number): boolean {
  for (let i = at - 1; i >= 0; i--) {
    const code = text.charCodeAt(i);
    if (code === 10 || code === 13) return true;
    if (isBlank(code)) continue;
    if (code === 47) return text.charCodeAt(i - 1) === 42;
    // A byte order mark is skipped by both compilers.
    return i === 2 && text.startsWith('\xef\xbb\xbf');
  }
  return true;
}
