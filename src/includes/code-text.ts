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
  if (text.includes('??/')) return undefined;
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
