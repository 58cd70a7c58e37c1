import { joinSplicedLines, withoutComments } from './code-text.ts';
import { hiddenWords } from './hidden-words.ts';
import { definition } from './macro-table.ts';

/**
 * What one file's bytes say about other files, read in one pass and without evaluating conditions. The scan may name
 * too much (an include inside a comment, a branch not taken) and never too little; what it cannot name it flags.
 * It is a function of the content alone and plain data: it may be memoised by digest and written as JSON.
 */
export interface FileScan {
  /** Every include and existence test, without repetitions, in the order of first appearance. */
  readonly lookups: readonly Lookup[];
  /** The object-like and function-like macros defined, as {@link definition} writes them; '' where there are none. */
  readonly macros: string;
  readonly flags: readonly ScanFlag[];
  /** `#pragma once` in any spelling, also a conditional one. */
  readonly once: boolean;
  /**
   * Where a system_header pragma stands: before the lookup with this index (`lookups.length`: after all of them).
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

const WS = '(?:[ \\t\\f\\v\\0]|/\\*(?:[^*]|\\*(?!/))*\\*/)*';
const WORD = '(include_next|include|import|define|pragma|embed|__include_macros)(?![\\w$])';
const IDENTIFIER = '[A-Za-z_$\\x80-\\xff][\\w$\\x80-\\xff]*';
const HASH = new RegExp(`#${WS}${WORD}`, 'g');
const ANY_HASH = new RegExp(`(?:#|%:|\\?\\?=)${WS}${WORD}`, 'g');
const OPERAND = new RegExp(`${WS}(?:"([^"\\n\\r]*)"|<([^>\\n\\r]*)>|(${IDENTIFIER})${WS}(?=[\\n\\r]|//|$))`, 'y');
const HAS_INCLUDE = new RegExp(
  `__has_include(_next)?(?![\\w$])(?:${WS}\\(${WS}(?:"([^"\\n\\r]*)"|<([^>\\n\\r]*)>|(${IDENTIFIER})${WS}\\)))?`,
  'g',
);
/** What may stand before `__has_include` without making it a test: asking whether it exists, defining it away. */
const ASKED_OR_DEFINED = new RegExp(`(?:defined${WS}\\(?|(?:ifdef|ifndef|undef|elifdef|elifndef|define)${WS})${WS}$`);
const CONDITION = new RegExp(`^${WS}(?:#|%:|\\?\\?=)${WS}(?:el)?if(?![\\w$])`);
const SYSTEM_HEADER = new RegExp(`${WS}(?:GCC|clang)${WS}system_header(?![\\w$])`, 'y');
const ONCE = new RegExp(`${WS}once(?![\\w$])`, 'y');
const READS_FILES = new RegExp(
  `${WS}(?:(?:GCC|clang)${WS})?(dependency|pch_preprocess|module|include_alias)(?![\\w$])`,
  'y',
);
const MODULE = new RegExp(
  `(?:^|[\\n\\r]|\\*/)${WS}(?:export(?![\\w$])${WS})?(?:import(?![\\w$])${WS}[<":A-Za-z_\\x80-\\xff]|module(?![\\w$])${WS}[:;A-Za-z_\\x80-\\xff])[^;\\n]*;`,
);

/** The state of one pass: gathered in order, frozen by {@link scanDirectives}. */
interface Pass {
  readonly text: string;
  readonly lookups: Map<string, Lookup>;
  readonly flags: Set<ScanFlag>;
  macros: string;
  once: boolean;
  /** A lookup of form 'tokens' was seen. */
  tokens: boolean;
  systemHeaderAt: number | 'maybe' | undefined;
}

/** Scans the content of a source or header (a byte string). About 5 ns a byte over libstdc++, abseil and glibc. */
export function scanDirectives(content: string): FileScan {
  const pass = read(joinSplicedLines(content));
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
    text,
    lookups: new Map(),
    flags: new Set(),
    macros: '',
    once: false,
    tokens: false,
    systemHeaderAt: undefined,
  };
  readDirectives(pass);
  if (text.includes('__has_include')) readExistenceTests(pass);
  if (text.includes('__has_embed')) readEmbedTests(pass);
  if (text.includes('_Pragma') || text.includes('__pragma')) readPragmaOperators(pass);
  if ((text.includes('import') || text.includes('module')) && MODULE.test(text)) pass.flags.add('modules');
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
  const code = withoutComments(pass.text);
  if (code === undefined) return;
  const { flags: confirmed, lookups } = read(code);
  for (const [key, { form }] of pass.lookups) if (form === 'tokens' && !lookups.has(key)) pass.lookups.delete(key);
  for (const flag of pass.flags) {
    if (flag === 'unsure' || confirmed.has(flag)) continue;
    pass.flags.delete(flag);
    if (flag === 'incbin') pass.flags.add('incbin-comment');
  }
}

function readDirectives(pass: Pass): void {
  const { text } = pass;
  const digraphs = text.includes('%:') || text.includes('??=');
  const pattern = digraphs ? ANY_HASH : HASH;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const resume = pattern.lastIndex;
    if (startsLine(text, match.index)) readDirective(pass, match[1] as string, resume);
    pattern.lastIndex = resume;
  }
}

/** Whether only blanks stand between the line's start, or a comment's end, and `at`. */
function startsLine(text: string, at: number): boolean {
  for (let i = at - 1; i >= 0; i--) {
    const code = text.charCodeAt(i);
    if (code === 10 || code === 13) return true;
    if (code === 32 || code === 9 || code === 12 || code === 11 || code === 0) continue;
    if (code === 47) return text.charCodeAt(i - 1) === 42;
    // A byte order mark is skipped by both compilers.
    return i === 2 && text.startsWith('\xef\xbb\xbf');
  }
  return true;
}

function readDirective(pass: Pass, word: string, at: number): void {
  switch (word) {
    case 'define':
      pass.macros += definition(pass.text, at);
      return;
    case 'pragma':
      readPragma(pass, at);
      return;
    case 'embed':
      pass.flags.add('embed');
      return;
    case '__include_macros':
      readOperand(pass, 'include', at);
      return;
    default:
      readOperand(pass, word as LookupOperation, at);
  }
}

function readOperand(pass: Pass, op: LookupOperation, at: number): void {
  OPERAND.lastIndex = at;
  const operand = OPERAND.exec(pass.text);
  if (operand === null) pass.flags.add('computed');
  else if (operand[1] !== undefined) addLookup(pass, op, 'quote', operand[1]);
  else if (operand[2] !== undefined) addLookup(pass, op, 'angle', operand[2]);
  else addLookup(pass, op, 'macro', operand[3] as string);
}

function addLookup(pass: Pass, op: LookupOperation, form: Lookup['form'], name: string): void {
  const key = `${op} ${form} ${name}`;
  if (!pass.lookups.has(key)) pass.lookups.set(key, { op, form, name });
}

function readPragma(pass: Pass, at: number): void {
  if (matchesAt(ONCE, pass.text, at)) pass.once = true;
  else if (matchesAt(SYSTEM_HEADER, pass.text, at)) pass.systemHeaderAt ??= pass.lookups.size;
  else {
    READS_FILES.lastIndex = at;
    const word = READS_FILES.exec(pass.text)?.[1];
    if (word === 'pch_preprocess') pass.flags.add('pch');
    else if (word === 'module') pass.flags.add('modules');
    else if (word !== undefined) pass.flags.add('unsure');
  }
}

function matchesAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

/** `_Pragma("...")` and macros over it: the words decide, wherever in the file they stand. */
function readPragmaOperators(pass: Pass): void {
  const { text } = pass;
  if (/\bonce\b/.test(text)) pass.once = true;
  if (/_?_[pP]ragma[^\n]*\bsystem_header\b/.test(text) || /\(\s*(?:GCC|clang)\s+system_header\b/.test(text))
    pass.systemHeaderAt = 'maybe';
  if (/\b(?:GCC|clang)\s+dependency\b|\binclude_alias\b/.test(text)) pass.flags.add('unsure');
  if (/\bpch_preprocess\b/.test(text)) pass.flags.add('pch');
  if (/\bclang\s+module\b/.test(text)) pass.flags.add('modules');
}

function readExistenceTests(pass: Pass): void {
  const { text } = pass;
  HAS_INCLUDE.lastIndex = 0;
  for (let match = HAS_INCLUDE.exec(text); match !== null; match = HAS_INCLUDE.exec(text)) {
    const op = match[1] === undefined ? 'has_include' : 'has_include_next';
    const before = text.slice(text.lastIndexOf('\n', match.index) + 1, match.index);
    if (!isPartOfWord(before)) readExistenceTest(pass, op, match, before);
  }
}

function readExistenceTest(pass: Pass, op: LookupOperation, match: RegExpExecArray, before: string): void {
  const [, , quote, angle, macro] = match;
  const inCondition = CONDITION.test(before);
  if (quote !== undefined) addLookup(pass, op, 'quote', quote);
  else if (angle !== undefined) {
    if (!inCondition) pass.tokens = true;
    addLookup(pass, op, inCondition ? 'angle' : 'tokens', angle);
  } else if (!ASKED_OR_DEFINED.test(before)) {
    // An operand that may be a parameter of the macro being defined says nothing.
    if (macro !== undefined && inCondition) addLookup(pass, op, 'macro', macro);
    else pass.flags.add('computed');
  }
}

function readEmbedTests(pass: Pass): void {
  for (const match of pass.text.matchAll(/__has_embed(?![\w$])/g)) {
    const before = pass.text.slice(pass.text.lastIndexOf('\n', match.index) + 1, match.index);
    if (!ASKED_OR_DEFINED.test(before) && !isPartOfWord(before)) pass.flags.add('embed');
  }
}

function isPartOfWord(before: string): boolean {
  return /[\w$]$/.test(before);
}
