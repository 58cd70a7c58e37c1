/**
 * Reads what a TypeScript file imports and which global names it uses, without a compiler: a small tokenizer that
 * knows comments, strings, templates and regular expressions, so that a word inside any of them is never taken for
 * code. It errs on the side of seeing too much: an import in a dead branch is still an import.
 */

/** One module specifier with the names taken from it (`*` for a namespace, empty for a bare or dynamic import). */
export interface ImportRecord {
  readonly specifier: string;
  readonly names: readonly string[];
  readonly typeOnly: boolean;
  readonly line: number;
}

/** A name used as code, with its member chain: `process.env` and `Date.now` are one use each. */
export interface NameUse {
  readonly name: string;
  readonly line: number;
}

export interface SourceFacts {
  readonly imports: readonly ImportRecord[];
  readonly uses: readonly NameUse[];
  readonly lines: number;
}

interface Token {
  readonly kind: 'word' | 'string' | 'mark';
  readonly text: string;
  readonly line: number;
}

const TOKEN =
  /(?<space>\s+)|(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*")|(?<word>[\p{L}_$#][\p{L}\p{N}_$]*)|(?<number>\d[\w.]*)|(?<mark>[\s\S])/uy;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
/** After these a slash starts a regular expression, not a division. */
const BEFORE_REGEX = new Set(['return', 'typeof', 'case', 'in', 'of', 'delete', 'void', 'throw', 'new', 'do', 'else']);

/** A template's text is skipped; the code inside its `${}` is tokenized like any other. Returns the index after it. */
function skipTemplate(source: string, start: number, emit: (from: number, to: number) => void): number {
  let at = start + 1;
  while (at < source.length) {
    const c = source[at];
    if (c === '\\') at += 2;
    else if (c === '`') return at + 1;
    else if (c === '$' && source[at + 1] === '{') {
      const end = closingBrace(source, at + 2);
      emit(at + 2, end);
      at = end + 1;
    } else at += 1;
  }
  return at;
}

/** The index of the brace that closes an opened one, stepping over strings, comments and nested templates. */
function closingBrace(source: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < source.length) {
    const c = source[at];
    if (c === '`') at = skipTemplate(source, at, () => {});
    else if (c === '}' && depth === 0) return at;
    else {
      if (c === '{') depth += 1;
      else if (c === '}') depth -= 1;
      TOKEN.lastIndex = at;
      at += TOKEN.exec(source)?.[0].length ?? 1;
    }
  }
  return at;
}

function startsRegex(previous: Token | undefined): boolean {
  if (previous === undefined) return true;
  if (previous.kind === 'word') return BEFORE_REGEX.has(previous.text);
  return previous.kind === 'mark' && !/[)\]}]/.test(previous.text);
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const walk = (from: number, to: number, firstLine: number): void => {
    let line = firstLine;
    let at = from;
    const step = (end: number): void => {
      for (let i = at; i < end; i += 1) if (source[i] === '\n') line += 1;
      at = end;
    };
    while (at < to) {
      const c = source[at];
      if (c === '`') {
        tokens.push({ kind: 'mark', text: '`', line });
        const here = at;
        step(skipTemplate(source, at, (a, b) => walk(a, b, line + count(source, here, a))));
        continue;
      }
      if (c === '/' && startsRegex(tokens.at(-1)) && source[at + 1] !== '/' && source[at + 1] !== '*') {
        REGEX.lastIndex = at;
        const regex = REGEX.exec(source)?.[0];
        if (regex !== undefined) {
          tokens.push({ kind: 'mark', text: ')', line });
          step(at + regex.length);
          continue;
        }
      }
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(source);
      const groups = match?.groups ?? {};
      const text = match?.[0] ?? c ?? '';
      if (groups.string !== undefined) tokens.push({ kind: 'string', text: text.slice(1, -1), line });
      else if (groups.word !== undefined) tokens.push({ kind: 'word', text, line });
      else if (groups.number !== undefined) tokens.push({ kind: 'mark', text: ')', line });
      else if (groups.mark !== undefined) tokens.push({ kind: 'mark', text, line });
      step(at + Math.max(text.length, 1));
    }
  };
  walk(0, source.length, 1);
  return tokens;
}

function count(source: string, from: number, to: number): number {
  let lines = 0;
  for (let i = from; i < to; i += 1) if (source[i] === '\n') lines += 1;
  return lines;
}

/** Reads `import … from 'x'`, `export … from 'x'`, `import 'x'`, `import('x')` and `require('x')` at one token. */
function importAt(tokens: readonly Token[], index: number): ImportRecord | undefined {
  const token = tokens[index];
  if (token?.kind !== 'word' || tokens[index - 1]?.text === '.') return undefined;
  const next = tokens[index + 1];
  if ((token.text === 'import' || token.text === 'require') && next?.text === '(') {
    const inside = tokens[index + 2];
    // A computed specifier cannot be judged, so it is reported as a module that no wall lets through.
    const specifier = inside?.kind === 'string' ? inside.text : '(computed)';
    return { specifier, names: [], typeOnly: false, line: token.line };
  }
  if (token.text === 'import' && next?.kind === 'string') {
    return { specifier: next.text, names: [], typeOnly: false, line: token.line };
  }
  if (token.text !== 'import' && token.text !== 'export') return undefined;
  return clauseAt(tokens, index);
}

/** The part between `import`/`export` and `from`; `undefined` where no `from 'x'` ends it (an ordinary export). */
function clauseAt(tokens: readonly Token[], index: number): ImportRecord | undefined {
  const line = tokens[index]?.line ?? 0;
  const names: string[] = [];
  let typeOnly = false;
  let everyNameTyped = true;
  for (let at = index + 1; at < tokens.length; at += 1) {
    const { kind, text } = tokens[at] ?? { kind: 'mark', text: ';' };
    if (text === 'from' && tokens[at + 1]?.kind === 'string') {
      const specifier = tokens[at + 1]?.text ?? '';
      return { specifier, names, typeOnly: typeOnly || (names.length > 0 && everyNameTyped), line };
    }
    if (kind === 'word' && text === 'type' && at === index + 1 && tokens[at + 1]?.text !== 'from') typeOnly = true;
    else if (kind === 'word' && text === 'as') at += 1;
    else if (kind === 'word' && text !== 'type') {
      names.push(text);
      everyNameTyped &&= tokens[at - 1]?.text === 'type';
    } else if (text === '*') {
      names.push('*');
      everyNameTyped = false;
    } else if (kind === 'string' || !/^[{},]$/.test(text)) {
      if (text !== 'type') return undefined;
    }
  }
  return undefined;
}

/** Whether a word names a property or a parameter (`{ process: 1 }`, `(process?: x)`), which reads nothing. */
function isKey(tokens: readonly Token[], index: number): boolean {
  const next = tokens[index + 1]?.text;
  const keyed = next === ':' || (next === '?' && tokens[index + 2]?.text === ':');
  return keyed && /^([{,;(]|readonly)$/.test(tokens[index - 1]?.text ?? '');
}

/** Member chains of at most two names. Neither a property (`x.process`) nor a key (`process: x`) is a use. */
function useAt(tokens: readonly Token[], index: number): NameUse | undefined {
  const token = tokens[index];
  if (token?.kind !== 'word' || tokens[index - 1]?.text === '.' || isKey(tokens, index)) return undefined;
  const member = tokens[index + 2];
  const optional = tokens[index + 1]?.text === '?' && member?.text === '.' ? tokens[index + 3] : undefined;
  const last = tokens[index + 1]?.text === '.' ? member : optional;
  return { name: last?.kind === 'word' ? `${token.text}.${last.text}` : token.text, line: token.line };
}

/** Everything the walls need to know about one source file. */
export function scanSource(source: string): SourceFacts {
  const tokens = tokenize(source);
  const imports: ImportRecord[] = [];
  const uses: NameUse[] = [];
  for (let index = 0; index < tokens.length; index += 1) {
    const record = importAt(tokens, index);
    if (record !== undefined) imports.push(record);
    const use = useAt(tokens, index);
    if (use !== undefined) uses.push(use);
  }
  return { imports, uses, lines: source.split('\n').length - (source.endsWith('\n') ? 1 : 0) };
}
