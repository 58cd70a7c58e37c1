import { type Blanks, blanksOf, joinSplicedLines, withoutComments } from './code-text.ts';
import { readExistenceTests } from './existence-tests.ts';
import { hiddenWords } from './hidden-words.ts';
import { definition } from './macro-table.ts';

/**
 * What one file's bytes say about other files, read in one pass and without evaluating conditions. The scan may name
 * too much (an include inside a comment, a branch not taken) and never too little; what it cannot name it flags.
 * It is a function of the content alone and plain data: it may be memoised by digest and written as JSON.
 */
export interface FileScan {
  /** Every include and existence test, without repetitions: the directives in order, then the tests. */
  readonly lookups: readonly Lookup[];
  /** The object-like and function-like macros defined, as {@link definition} writes them; '' where there are none. */
  readonly macros: string;
  readonly flags: readonly ScanFlag[];
  /** `#pragma once` in any spelling, also a conditional one. */
  readonly once: boolean;
  /**
   * Where the first system_header pragma stands: before the lookup with this index, counting includes only.
   * 'maybe' where it is hidden in a macro; absent where there is none.
   */
  readonly systemHeaderAt?: number | 'maybe';
}

export type LookupOperation = 'include' | 'include_next' | 'import' | 'has_include' | 'has_include_next';

export interface Lookup {
  readonly op: LookupOperation;
  /**
   * "name", <name>, a macro that must expand to one of both, or a <name> made of tokens, in which words that are
   * macros are replaced (`__has_include` in a macro's body).
   */
  readonly form: 'quote' | 'angle' | 'macro' | 'tokens';
  readonly name: string;
}

/**
 * Why a scan is not the whole story. 'computed': an operand that is more than one object-like macro. 'unsure': text
 * that compilers read differently, or that looks at a file in yet another way. 'incbin-comment': the word in what
 * looks like a C comment, which is nothing in C and something to an assembler that knows no such comments.
 */
export type ScanFlag =
  | 'computed'
  | 'embed'
  | 'modules'
  | 'incbin'
  | 'incbin-comment'
  | 'date'
  | 'timestamp'
  | 'pch'
  | 'unsure';

/** The state of one pass over one text. */
export interface Pass {
  readonly blanks: Blanks;
  readonly lookups: Map<string, Lookup>;
  readonly flags: Set<ScanFlag>;
  macros: string;
  once: boolean;
  /** A lookup of form 'tokens' was seen. */
  tokens: boolean;
  systemHeaderAt: number | 'maybe' | undefined;
  systemHeaderPragmas: number;
}

const QUOTED = /"([^"\n\r]*)"/y;
const BRACKETED = /<([^>\n\r]*)>/y;
const WORD = /[A-Za-z_$\x80-\xff][\w$\x80-\xff]*/y;

/** Scans the content of a source or header (a byte string). About 10 ns a byte over libstdc++, abseil and glibc. */
export function scanDirectives(content: string): FileScan {
  const text = joinSplicedLines(content);
  const pass = read(text);
  readOddities(content, pass.flags);
  if (pass.flags.size > 0 || pass.tokens) withdrawCommented(pass);
  const scan = {
    lookups: [...pass.lookups.values()],
    macros: pass.macros,
    flags: [...pass.flags],
    once: pass.once,
  };
  return pass.systemHeaderAt === undefined ? scan : { ...scan, systemHeaderAt: pass.systemHeaderAt };
}

function read(text: string): Pass {
  const pass: Pass = {
    blanks: blanksOf(text),
    lookups: new Map(),
    flags: new Set(),
    macros: '',
    once: false,
    tokens: false,
    systemHeaderAt: undefined,
    systemHeaderPragmas: 0,
  };
  readHashes(pass, '#');
  if (text.includes('%:')) readHashes(pass, '%:');
  if (text.includes('??=')) readHashes(pass, '??=');
  readExistenceTests(pass);
  if (text.includes('_Pragma') || text.includes('__pragma')) readPragmaOperators(pass);
  if (text.includes('import') || text.includes('module')) readModuleLines(pass);
  for (const word of hiddenWords(text)) pass.flags.add(word === 'has-include' ? 'computed' : word);
  return pass;
}

/** Spellings whose meaning depends on compiler or standard: a lone carriage return, a splice by trigraph. */
function readOddities(content: string, flags: Set<ScanFlag>): void {
  if (content.includes('\r') && /\r(?!\n)/.test(content)) flags.add('unsure');
  if (content.includes('??/') && /\?\?\/[ \t\f\v\0\r]*\n/.test(content)) flags.add('unsure');
}

/**
 * A flag raised only by a comment is taken back: the pass is repeated over the text without comments. The lookups of
 * the first pass stay, they can only be too many.
 */
function withdrawCommented(pass: Pass): void {
  const code = withoutComments(pass.blanks.text);
  if (code === undefined) return;
  const { flags: confirmed, lookups } = read(code);
  for (const [key, { form }] of pass.lookups) if (form === 'tokens' && !lookups.has(key)) pass.lookups.delete(key);
  for (const flag of [...pass.flags]) {
    if (flag === 'unsure' || confirmed.has(flag)) continue;
    pass.flags.delete(flag);
    if (flag === 'incbin') pass.flags.add('incbin-comment');
  }
}

/** Every directive that begins with `hash`, wherever a line may begin: a comment around it is not looked for. */
function readHashes(pass: Pass, hash: string): void {
  const { blanks } = pass;
  const { text } = blanks;
  for (let at = text.indexOf(hash); at >= 0; at = text.indexOf(hash, at + 1)) {
    const start = blanks.skip(at + hash.length);
    const first = text.charCodeAt(start);
    // A line marker of preprocessed text, flag 3: what follows is a system header.
    if (first >= 48 && first <= 57 && / 3(?: |$)/.test(text.slice(start, start + 4096).split('\n', 1)[0] ?? ''))
      pass.systemHeaderAt = 'maybe';
    // d, e, i, p, _: most lines are #if, #endif and #else, and are left here.
    if (first !== 100 && first !== 105 && first !== 112 && first !== 101 && first !== 95) continue;
    WORD.lastIndex = start;
    if (!WORD.test(text)) continue;
    const end = WORD.lastIndex;
    const handler = DIRECTIVES.get(text.slice(start, end));
    if (handler !== undefined && blanks.startsLine(at)) handler(pass, end);
  }
}

const DIRECTIVES: ReadonlyMap<string, (pass: Pass, at: number) => void> = new Map([
  ['include', (pass, at) => readOperand(pass, 'include', at)],
  ['include_next', (pass, at) => readOperand(pass, 'include_next', at)],
  ['import', (pass, at) => readOperand(pass, 'import', at)],
  // What clang turns -imacros into; nobody writes it.
  ['__include_macros', (pass, at) => readOperand(pass, 'include', at)],
  [
    'define',
    (pass, at) => {
      pass.macros += definition(pass.blanks, at);
    },
  ],
  ['embed', (pass) => pass.flags.add('embed')],
  ['pragma', readPragma],
] satisfies [string, (pass: Pass, at: number) => unknown][]);

function readOperand(pass: Pass, op: LookupOperation, at: number): void {
  const { blanks } = pass;
  const { text } = blanks;
  const start = blanks.skip(at);
  QUOTED.lastIndex = start;
  BRACKETED.lastIndex = start;
  WORD.lastIndex = start;
  if (QUOTED.test(text)) addLookup(pass, op, 'quote', text.slice(start + 1, QUOTED.lastIndex - 1));
  else if (BRACKETED.test(text)) addLookup(pass, op, 'angle', text.slice(start + 1, BRACKETED.lastIndex - 1));
  else if (WORD.test(text) && blanks.endsLine(blanks.skip(WORD.lastIndex)))
    addLookup(pass, op, 'macro', text.slice(start, WORD.lastIndex));
  else pass.flags.add('computed');
}

export function addLookup(pass: Pass, op: LookupOperation, form: Lookup['form'], name: string): void {
  const key = `${op} ${form} ${name}`;
  if (!pass.lookups.has(key)) pass.lookups.set(key, { op, form, name });
}

function readPragma(pass: Pass, at: number): void {
  let [word, end] = wordAt(pass.blanks, at);
  const ofCompiler = word === 'GCC' || word === 'clang';
  if (ofCompiler) [word, end] = wordAt(pass.blanks, end);
  if (word === 'once') pass.once = true;
  else if (word === 'system_header' && ofCompiler) {
    pass.systemHeaderAt ??= pass.lookups.size;
    pass.systemHeaderPragmas++;
  } else if (word === 'pch_preprocess') pass.flags.add('pch');
  else if (word === 'module') pass.flags.add('modules');
  else if (word === 'dependency' || word === 'include_alias') pass.flags.add('unsure');
}

function wordAt(blanks: Blanks, at: number): [string, number] {
  const start = blanks.skip(at);
  WORD.lastIndex = start;
  return WORD.test(blanks.text) ? [blanks.text.slice(start, WORD.lastIndex), WORD.lastIndex] : ['', start];
}

/** `_Pragma("...")` and macros over it: the words decide, wherever in the file they stand. */
function readPragmaOperators(pass: Pass): void {
  const { text } = pass.blanks;
  if (/\bonce\b/.test(text)) pass.once = true;
  const mentions = text.match(/\b(?:GCC|clang)\s+system_header\b/g)?.length ?? 0;
  if (mentions > pass.systemHeaderPragmas) pass.systemHeaderAt = 'maybe';
  if (/\b(?:GCC|clang)\s+dependency\b|\binclude_alias\b/.test(text)) pass.flags.add('unsure');
  if (/\bpch_preprocess\b/.test(text)) pass.flags.add('pch');
  if (/\bclang\s+module\b/.test(text)) pass.flags.add('modules');
}

/** Lines of C++20 that begin with import, module or export and can mean a module. */
function readModuleLines(pass: Pass): void {
  const { blanks } = pass;
  const { text } = blanks;
  for (const { 0: word, index } of text.matchAll(/\b(?:import|module)\b/g)) {
    const next = text.charAt(blanks.skip(index + 6));
    if (!(word === 'import' ? /[<":A-Za-z_\x80-\xff]/ : /[:;A-Za-z_\x80-\xff]/).test(next)) continue;
    const exported = /export(?:\s|\/\*[^*]{0,200}\*\/)*$/.exec(text.slice(Math.max(0, index - 240), index));
    if (!blanks.startsLine(exported === null ? index : index - exported[0].length)) continue;
    const end = text.indexOf('\n', index);
    if (text.slice(index, end < 0 ? text.length : end).includes(';')) pass.flags.add('modules');
  }
}
