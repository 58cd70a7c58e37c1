import type { Family } from '../compiler/invocation.ts';
import { absolutePath, tidyPath } from './paths.ts';
import type { Origin } from './walk.ts';

/**
 * The depfile `-MMD` would have written, out of the one `-MD` wrote: both are the same list, from which -MMD leaves out
 * what is a system header where it is first included. A header that some include could make a user header and another a
 * system header cannot be decided here; neither can a text we would not have laid out byte for byte as it is.
 */
export interface FullDepfile {
  /** The text that -MD wrote, with the user's own -MT, -MQ and -MP in force. */
  readonly text: string;
  readonly family: Family;
  readonly cwd: string;
  /** How the files were included, by {@link Walk.files}. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** A depfile in the words it is written in, escapes and all. */
interface Rule {
  readonly targets: readonly string[];
  readonly files: readonly string[];
  /** -MP: every file but the first is a target without prerequisites; to some clangs (14) a blank line goes before each. */
  readonly phony: 'none' | 'plain' | 'spaced';
}

/** Undefined where the answer is not certain: then the compile has to be run with -MMD itself. */
export function userDepfile(full: FullDepfile): string | undefined {
  const rule = parseRule(full.text);
  if (rule === undefined || writeRule(rule, full.family) !== full.text) return undefined;
  const origins = new Map([...full.origins].map(([path, origin]) => [tidyPath(path), origin]));
  const files: string[] = [];
  for (const [at, word] of rule.files.entries()) {
    const path = unescaped(word);
    const origin = path === undefined ? undefined : origins.get(absolutePath(full.cwd, path));
    if (at > 0 && (origin === undefined || origin === 'either')) return undefined;
    if (at === 0 || origin === 'user') files.push(word);
  }
  return writeRule({ ...rule, files }, full.family);
}

const WORDS = /(?:\\[^\n]|[^\s\\])+/g;

function parseRule(text: string): Rule | undefined {
  const [line = '', ...rest] = text.replace(/ \\\n/g, ' ').split('\n');
  const words = line.match(WORDS) ?? [];
  const colon = words.findIndex((word) => word.endsWith(':'));
  if (colon < 0 || rest.pop() !== '') return undefined;
  const targets = words.slice(0, colon + 1).map((word, at) => (at === colon ? word.slice(0, -1) : word));
  return {
    targets,
    files: words.slice(colon + 1),
    phony: rest.length === 0 ? 'none' : rest[0] === '' ? 'spaced' : 'plain',
  };
}

/** The path a word stands for; undefined if it is escaped in a way that is not ours to read. */
function unescaped(word: string): string | undefined {
  const path = word.replace(/\\([ #])/g, '$1').replaceAll('$$', '$');
  return word.replace(/\\[ #]/g, '').includes('\\') || /\$/.test(word.replaceAll('$$', '')) ? undefined : path;
}

function writeRule(rule: Rule, family: Family): string {
  const head = family === 'gcc' ? writeAsGcc(rule) : writeAsClang(rule);
  if (rule.phony === 'none') return `${head}\n`;
  const gap = rule.phony === 'spaced' ? '\n' : '';
  return `${head}\n${rule.files
    .slice(1)
    .map((file) => `${gap}${file}:\n`)
    .join('')}`;
}

/** libcpp's make_write: a word that would end beyond column 72 begins a line of its own, after one blank. */
function writeAsGcc({ targets, files }: Rule): string {
  let text = '';
  let column = 0;
  const add = (word: string): void => {
    if (column > 0 && column + word.length > 72) {
      text += ' \\\n ';
      column = 1;
    } else if (column > 0) {
      text += ' ';
      column++;
    }
    text += word;
    column += word.length;
  };
  for (const target of targets) add(target);
  text += ':';
  column++;
  for (const file of files) add(file);
  return text;
}

/** clang's DependencyFileGenerator: 75 columns, two of them for the trailing backslash; widths count unescaped names. */
function writeAsClang({ targets, files }: Rule): string {
  const limit = 75;
  let text = '';
  let column = 0;
  for (const target of targets) {
    if (column === 0) column = target.length;
    else if (column + target.length + 2 > limit) {
      column = target.length + 2;
      text += ' \\\n  ';
    } else {
      column += target.length + 1;
      text += ' ';
    }
    text += target;
  }
  text += ':';
  column++;
  for (const file of files) {
    const width = (unescaped(file) ?? file).length + 1;
    if (column + width + 2 > limit) {
      text += ' \\\n ';
      column = 2;
    }
    text += ` ${file}`;
    column += width;
  }
  return text;
}
