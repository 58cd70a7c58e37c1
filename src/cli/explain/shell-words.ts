/**
 * Splits a command as a POSIX shell would, without expanding anything: what the `command` of a compile_commands.json
 * means. `undefined` where a quote is not closed.
 */
export function shellWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] ?? '';
    if (c === "'") {
      const end = text.indexOf("'", i + 1);
      if (end < 0) return undefined;
      word = (word ?? '') + text.slice(i + 1, end);
      i = end;
    } else if (c === '"') {
      const quoted = doubleQuoted(text, i + 1);
      if (quoted === undefined) return undefined;
      word = (word ?? '') + quoted.text;
      i = quoted.end;
    } else if (c === '\\') {
      i += 1;
      // A backslash before a line end joins the lines.
      if (text[i] !== '\n') word = (word ?? '') + (text[i] ?? '');
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + c;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Inside double quotes a backslash is only special before `$`, a backquote, `"`, itself and a line end. */
function doubleQuoted(text: string, start: number): { text: string; end: number } | undefined {
  let result = '';
  for (let i = start; i < text.length; i += 1) {
    const c = text[i] ?? '';
    if (c === '"') return { text: result, end: i };
    if (c === '\\' && /[$`"\\\n]/.test(text[i + 1] ?? '')) {
      i += 1;
      if (text[i] !== '\n') result += text[i];
    } else {
      result += c;
    }
  }
  return undefined;
}
