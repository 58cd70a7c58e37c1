import { type Refusal, refuse } from '../base/refusal.ts';

/** The arguments with every `@FILE` replaced by the arguments in the file, and the files read, in order. */
export interface ExpandedArguments {
  readonly args: readonly string[];
  readonly files: readonly string[];
}

/** gcc gives up after 2000 files (libiberty, against a file that includes itself); far fewer are ever meant. */
const MAX_FILES = 200;

/**
 * Replaces response files by their arguments. A file may name further ones; a file inside a file is found from the
 * current directory, as by gcc 12 and clang 14. `read` gives a file's bytes, undefined if it cannot be read: then gcc
 * takes the argument as it stands and clang fails, and we refuse.
 */
export function expandResponseFiles(
  args: readonly string[],
  read: (path: string) => string | undefined,
): ExpandedArguments | Refusal {
  const files: string[] = [];
  const expanded: string[] = [];
  const pending = [...args].reverse();
  while (pending.length > 0) {
    const arg = pending.pop() as string;
    if (!arg.startsWith('@') || arg === '@') {
      expanded.push(arg);
      continue;
    }
    const path = arg.slice(1);
    const text = files.length < MAX_FILES ? read(path) : undefined;
    const inside = text === undefined ? undefined : splitResponse(text);
    if (inside === undefined) return refuse('response-file', path);
    files.push(path);
    for (let i = inside.length - 1; i >= 0; i--) pending.push(inside[i] as string);
  }
  return { args: expanded, files };
}

// What gcc 12 (libiberty) and clang 14 read differently: NUL, \v and \f, a byte order mark, a backslash at the end.
const READ_DIFFERENTLY = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)|[\0\v\f]|(?:^|[^\\])(?:\\\\)*\\$/;

// Quoted stretches, a backslash with what it makes literal, plain characters, or the white space between arguments.
const TOKEN = /"((?:[^"\\]|\\[\s\S])*)(?:"|$)|'((?:[^'\\]|\\[\s\S])*)(?:'|$)|\\([\s\S])|([^\s"'\\]+)|(\s+)/g;

/**
 * Splits a response file as gcc and clang do: white space separates; single and double quotes group; a backslash makes
 * the next character literal, inside quotes too; a quote left open ends with the file. Undefined where the two differ,
 * an empty argument included, which clang drops.
 */
export function splitResponse(text: string): string[] | undefined {
  if (READ_DIFFERENTLY.test(text)) return undefined;
  const args: string[] = [];
  let word: string | undefined;
  const end = () => {
    if (word !== undefined) args.push(word);
    word = undefined;
  };
  for (const [, double, single, escaped, plain, space] of text.matchAll(TOKEN)) {
    if (space !== undefined) end();
    else word = (word ?? '') + (plain ?? escaped ?? literal(double ?? single ?? ''));
  }
  end();
  return args.includes('') ? undefined : args;
}

function literal(quoted: string): string {
  return quoted.replace(/\\([\s\S])/g, '$1');
}
