import { absolutePath } from './paths.ts';
import type { SearchList } from './port.ts';

const QUOTE_HEAD = '#include "..." search starts here:';
const BRACKET_HEAD = '#include <...> search starts here:';
const END = 'End of search list.';
const IGNORED = /^ignoring (nonexistent|duplicate) directory "(.*)"$/;

/** The directories in the order in which a name is looked for. */
export function chainOf({ quote, bracket }: SearchList): readonly string[] {
  return [...quote, ...bracket];
}

/**
 * The include directories out of what `cc ARGS -v -E -x LANG /dev/null` writes to stderr under `LC_ALL=C`, from gcc or
 * clang. Relative directories are taken from `cwd`, nothing else is rewritten. `undefined` if the text is not a
 * list both compilers would search the same way: header maps, frameworks, `-I` naming a file, a directory whose name holds a
 * newline. (A newline followed by a blank cannot be told from two directories: do not ask with such arguments.)
 */
export function parseSearchList(verboseOutput: string, cwd: string): SearchList | undefined {
  const lines = verboseOutput.split('\n');
  const quoteAt = lines.indexOf(QUOTE_HEAD);
  const bracketAt = lines.indexOf(BRACKET_HEAD, quoteAt);
  const endAt = lines.indexOf(END, bracketAt);
  if (quoteAt < 0 || bracketAt < 0 || endAt < 0) return undefined;
  if (lines.indexOf(QUOTE_HEAD, quoteAt + 1) >= 0) return undefined;
  const quote = directories(lines.slice(quoteAt + 1, bracketAt), cwd);
  const bracket = directories(lines.slice(bracketAt + 1, endAt), cwd);
  if (quote === undefined || bracket === undefined) return undefined;
  const missing: string[] = [];
  const duplicate: string[] = [];
  for (const line of lines.slice(0, quoteAt)) {
    if (/: not a directory$/.test(line)) return undefined;
    const ignored = IGNORED.exec(line);
    if (ignored === null) {
      if (line.startsWith('ignoring ')) return undefined;
      continue;
    }
    (ignored[1] === 'nonexistent' ? missing : duplicate).push(absolutePath(cwd, ignored[2] as string));
  }
  const listed = new Set([...quote, ...bracket, ...missing, ...duplicate]);
  const words = callWords(lines.slice(0, quoteAt));
  for (const named of directoriesNamed(
    words,
    /^-(?:I|isystem|iquote|idirafter|(?:c|cxx|internal|internal-externc)-isystem)$/,
  ))
    if (!listed.has(absolutePath(cwd, named))) duplicate.push(absolutePath(cwd, named));
  return { quote, bracket, missing, duplicate: [...new Set(duplicate)] };
}

/**
 * The arguments of the compiler proper: clang prints its call, gcc the options it was called with. Needed because clang
 * calls a directory with two names by the first it has seen, in its list and in the complaint about the second.
 */
function callWords(lines: readonly string[]): readonly string[] {
  const ofGcc = lines.find((line) => line.startsWith('COLLECT_GCC_OPTIONS='));
  if (ofGcc !== undefined)
    return [...ofGcc.slice(ofGcc.indexOf('=') + 1).matchAll(/'((?:[^']|'\\'')*)'(?= |$)/g)].map(([, word]) =>
      (word as string).replaceAll("'\\''", "'"),
    );
  const call = lines.find((line) => line.startsWith(' ') && line.includes(' -cc1 ')) ?? '';
  return [...call.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) =>
    quoted === undefined ? (bare as string) : quoted.replace(/\\(.)/g, '$1'),
  );
}

/** The values of options that name a directory: `-I dir` in two words, and `-Idir`. */
function directoriesNamed(words: readonly string[], option: RegExp): readonly string[] {
  return words.flatMap((word, at) => {
    if (option.test(word)) return words.slice(at + 1, at + 2);
    return /^-I./.test(word) && option.test('-I') ? [word.slice(2)] : [];
  });
}

function directories(lines: readonly string[], cwd: string): readonly string[] | undefined {
  const found: string[] = [];
  for (const line of lines) {
    if (!line.startsWith(' ') || line.length < 2) return undefined;
    if (line.endsWith(' (framework directory)') || line.endsWith(' (headermap)')) return undefined;
    found.push(absolutePath(cwd, line.slice(1)));
  }
  return found;
}
