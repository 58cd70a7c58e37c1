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
    if (text === undefined || text.includes('\0')) return refuse('response-file', path);
    files.push(path);
    pending.push(...splitResponse(text).reverse());
  }
  return { args: expanded, files };
}

/**
 * Splits a response file as libiberty and clang (GNU quoting) do: white space separates; single and double quotes
 * group; a backslash makes the next character literal, inside quotes too.
 */
export function splitResponse(text: string): string[] {
  const args: string[] = [];
  let word = '';
  let inWord = false;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '\\' && i + 1 < text.length) {
      word += text[++i];
      inWord = true;
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word += char;
    } else if (/[ \t\n\v\f\r]/.test(char)) {
      if (inWord) args.push(word);
      word = '';
      inWord = false;
    } else {
      inWord = true;
      if (char === '"' || char === "'") quote = char;
      else word += char;
    }
  }
  if (inWord) args.push(word);
  return args;
}
